#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=40
"""Does dom0's clock keep up with the emulator's, idle and under load? Coarsely: ten seconds each;
dom0_clock_long takes five minutes.
"""
from lib import clock, dom0

dom0.main(lambda env: clock.test(env, 10))
