# SPDX-License-Identifier: Apache-2.0
"""The user's own code as text: which files a network's code lies in, what it reads, and what it can reach. Runs none of it and
uses no other room of the worker."""
