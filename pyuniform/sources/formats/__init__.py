"""One module a file format or kind of object, each on its own library."""
