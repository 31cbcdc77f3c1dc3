"""Files as they lie on a disk: written whole or not at all, read strictly, told apart by seals."""
