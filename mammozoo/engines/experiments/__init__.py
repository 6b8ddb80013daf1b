# SPDX-License-Identifier: Apache-2.0
"""Experiments over whole trainings: cells of a grid, cross-validation, tuning."""
