# SPDX-License-Identifier: Apache-2.0
"""A network's code written down as a file, and the network that is built from such a file. Uses every other room."""
