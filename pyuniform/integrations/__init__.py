"""Adapters that speak another library's interface: a module a library, imported by its name.

None of them is imported here, so that no library is needed which is not used.
"""
