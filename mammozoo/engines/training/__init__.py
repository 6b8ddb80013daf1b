# SPDX-License-Identifier: Apache-2.0
"""Training: the command, the run folder, what an epoch leaves, what a failure says."""
