"""Geometries of images: filters, windows, strides, paddings and extents, each for an edge of its own."""

__all__ = ["CONVOLUTIONS", "POOLINGS"]

# (filter height, width, stride, padding, image height, width): square and not, to 11 x 11; strides to 4 that overlap,
# meet, leave pixels out, or do not come out even, with every remainder; padding that makes up for images smaller than
# the filters, or is larger than the filters.
CONVOLUTIONS = (
    (3, 2, 1, 1, 4, 5),
    (1, 1, 1, 0, 3, 2),
    (3, 3, 2, 1, 5, 5),
    (3, 2, 2, 2, 4, 3),
    (2, 1, 3, 0, 5, 4),
    (3, 3, 1, 2, 2, 2),
    (2, 2, 3, 0, 3, 5),
    (1, 3, 2, 0, 2, 5),
    (4, 5, 1, 2, 6, 5),
    (5, 3, 2, 0, 8, 4),
    (7, 6, 1, 3, 5, 9),
    (11, 11, 4, 5, 6, 13),
    (2, 3, 1, 4, 3, 2),
    (3, 2, 4, 1, 9, 8),
    (2, 3, 4, 0, 8, 9),
    (1, 2, 4, 0, 7, 6),
)
# (size, stride, ceil, height, width): windows that overlap, meet, leave pixels out, or reach over one edge or both, by
# every remainder; as large as the image; one more of which would begin outside it, if the extents alone counted them.
POOLINGS = (
    (3, 2, True, 4, 5),
    (2, 2, True, 3, 3),
    (2, 2, False, 5, 4),
    (2, 1, True, 3, 4),
    (3, 2, False, 4, 6),
    (1, 2, True, 3, 2),
    (4, 2, True, 5, 5),
    (2, 3, True, 4, 6),
    (2, 4, True, 8, 7),
    (4, 3, False, 4, 9),
    (5, 3, True, 6, 7),
    (3, 4, True, 7, 8),
    (3, 1, True, 5, 3),
    (4, 4, True, 9, 11),
    (3, 3, True, 7, 8),
)
