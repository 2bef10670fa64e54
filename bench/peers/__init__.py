"""The same quantities with other libraries, each in its fastest form: all cores, its own types, compiled beforehand."""
