# SPDX-License-Identifier: Apache-2.0
"""From the network's output to the files of a study."""
