#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long cost=640 limit=1500
"""Does dom0's clock stay within 0.05 % of the emulator's over five minutes, idle and under load?"""
from lib import clock, dom0

dom0.main(lambda env: clock.test(env, 300))
