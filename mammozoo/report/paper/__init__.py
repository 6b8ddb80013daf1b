# SPDX-License-Identifier: Apache-2.0
"""The papers' tables beside ours, and what they take to compute."""
