#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Reads `nm -n` of the image, writes the symbol table of hv/lib/symbols.c as assembly: functions in
# ascending order, each with the low half of its address (the high half is the image's) and where
# its name starts. Empty input gives an empty table.
awk '
    BEGIN {
        n = at = 0
        print "    .section .syms, \"a\""
        print "    .globl symbol_count, symbol_addresses, symbol_names, symbol_strings"
        print "    .hidden symbol_count, symbol_addresses, symbol_names, symbol_strings"
    }
    $2 ~ /^[tTwW]$/ && $1 ~ /^ffff8180/ && $3 !~ /^\./ {
        if ($1 == last)
            next
        last = $1
        address[n] = substr($1, 9)
        name[n++] = $3
    }
    END {
        print "    .balign 8\nsymbol_count:\n    .long " n + 0
        print "symbol_addresses:"
        for (i = 0; i < n; i++)
            print "    .long 0x" address[i]
        print "symbol_names:"
        for (i = 0; i < n; i++) {
            print "    .long " at + 0
            at += length(name[i]) + 1
        }
        print "symbol_strings:"
        for (i = 0; i < n; i++)
            print "    .asciz \"" name[i] "\""
        print "    .section .note.GNU-stack, \"\", @progbits"
    }'
