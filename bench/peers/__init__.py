"""What a user would write with other libraries, each used at its best: all cores, its own types, compiled beforehand."""
