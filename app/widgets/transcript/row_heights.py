"""Heights of all rows of a long list, most of them estimates, with quick sums and lookups (no Qt, no widgets).

A Fenwick tree: changing one height, the top of a row and the row at a position each take O(log n).
"""

from collections.abc import Sequence


class RowHeights:
    """Heights in pixels; positions count from the top of the first row."""

    def __init__(self) -> None:
        self._heights: list[int] = []
        self._tree: list[int] = [0]
        self._leap = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._heights)

    def __getitem__(self, row: int) -> int:
        """Return one row's height; raises IndexError."""
        return self._heights[row]

    @property
    def total(self) -> int:
        """The height of all rows together."""
        return self.top(len(self._heights))

    def replace_from(self, first: int, heights: Sequence[int]) -> None:
        """Make the rows from `first` on exactly these. O(n): for inserted and removed rows, not for single changes."""
        self._heights[first:] = heights
        count = len(self._heights)
        tree = [0, *self._heights]
        for node in range(1, count + 1):
            parent = node + (node & -node)
            if parent <= count:
                tree[parent] += tree[node]
        self._tree = tree
        self._leap = 1 << count.bit_length() >> 1

    def set_height(self, row: int, height: int) -> int:
        """Change one row's height and return by how much it grew; raises IndexError."""
        growth = height - self._heights[row]
        if growth:
            self._heights[row] = height
            node = row + 1
            while node < len(self._tree):
                self._tree[node] += growth
                node += node & -node
        return growth

    def top(self, row: int) -> int:
        """Return where a row begins; `len(self)` gives the end of the last one."""
        position = 0
        while row:
            position += self._tree[row]
            row &= row - 1
        return position

    def row_at(self, position: int) -> int:
        """Return the row that covers a position; the first or last one for positions outside. -1 if there is none."""
        node, step = 0, self._leap
        while step:
            following = node + step
            if following < len(self._tree) and self._tree[following] <= position:
                node = following
                position -= self._tree[following]
            step >>= 1
        return min(node, len(self._heights) - 1)
