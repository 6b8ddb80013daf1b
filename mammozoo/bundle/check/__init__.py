# SPDX-License-Identifier: Apache-2.0
"""The checker of bundles: it reads what a bundle would run, and runs nothing."""
