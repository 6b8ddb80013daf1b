# SPDX-License-Identifier: Apache-2.0
"""Ignite glue: what the trainers and evaluators of the bundles share."""
