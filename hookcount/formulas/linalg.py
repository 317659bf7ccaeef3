"""Factorisations and solvers, by the textbook algorithm without blocking.

They are no contractions, so they have no macs. The one exception is the product at the end of a
pseudo-inverse.

Gaussian elimination, Cholesky, substitution and Householder reflections are counted step by step.
The leading terms agree with Golub and Van Loan, Matrix Computations: LU 2 n^3 / 3, Cholesky
n^3 / 3, a triangular system n^2, QR 2 n^2 (m - n / 3). Iterations for eigenvalues and singular
values are priced by the leading-order models of that book, half adds and half muls.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ..core.ops import Ops
from .arithmetic import matmul
from .builtin import formula


def triangular_solve(n: int, columns: int, *, unit: bool) -> Ops:
    """[n, columns] = T^-1 [n, columns], T triangular [n, n].

    Per column n (n - 1) / 2 muls and as many subtractions. Also n divisions, or none if T has a
    unit diagonal (``unit``).
    """
    below = n * (n - 1) // 2
    return Ops(adds=below, muls=below, specials=0 if unit else n) * columns


def lu(m: int, n: int) -> Ops:
    """P L U = [m, n]: step k finds a pivot, divides its column, and updates the rest.

    The rest are the rows below k and the columns to the right of k. Finding the pivot of m - k + 1
    values takes m - k compares.
    """
    steps = range(1, min(m, n) + 1)
    inner = sum((m - k) * (n - k) for k in steps)
    column = sum(m - k for k in steps)
    return Ops(adds=inner, muls=inner, compares=column, specials=column)


def cholesky(n: int) -> Ops:
    """L L^T = [n, n]: step j takes a square root, divides its column, and updates half of the rest.

    The rest are the rows below j and the columns to the right of j.
    """
    inner = sum((n - j) * (n - j + 1) // 2 for j in range(1, n + 1))
    return Ops(adds=inner, muls=inner, specials=n * (n - 1) // 2 + n)


def reflect(length: int, columns: int) -> Ops:
    """[length, columns] = x - tau v (v x), x of shape [length, columns].

    Per column: a dot product, a mul by tau, and a subtraction of a multiple of v.
    """
    return Ops(adds=2 * length - 1, muls=2 * length + 1) * columns if length else Ops()


def householder(m: int, n: int) -> Ops:
    """R and its reflectors from [m, n]: reflector j updates the columns to its right.

    The reflector itself takes a norm and a scaling, both of length m - j.
    """
    ops = Ops()
    for j in range(min(m, n)):
        length = m - j
        ops = ops + Ops(adds=length, muls=length, specials=length + 1) + reflect(length, n - j - 1)
    return ops


def reflectors_product(m: int, n: int, k: int) -> Ops:
    """Q [m, n] from k reflectors: applied last to first, reflector j to columns j and later."""
    return sum((reflect(m - j, n - j) for j in range(k)), Ops())


def leading(twelfths: int) -> Ops:
    """The operations of a leading-order model, given in twelfths: half adds, half muls."""
    half = twelfths // 24
    return Ops(adds=half, muls=half)


def batch(size: Size) -> int:
    """The number of matrices in a tensor."""
    return prod(size[:-2])


@formula("aten::linalg_cholesky_ex", kind="linear algebra")
@formula("aten::cholesky", kind="linear algebra")
def cholesky_ex(self: Size) -> Ops:
    """[*, n, n] = cholesky([*, n, n]): n^3 / 3 to leading order, see ``cholesky``."""
    return cholesky(self[-1]) * batch(self)


@formula("aten::linalg_lu_factor_ex", kind="linear algebra")
@formula("aten::linalg_lu", kind="linear algebra")
@formula("aten::_linalg_det", kind="linear algebra")
@formula("aten::_linalg_slogdet", kind="linear algebra")
def lu_factor(A: Size) -> Ops:
    """[*, m, n] = lu([*, m, n]): see ``lu``.

    A determinant also multiplies n diagonal values, or adds up their logs: not counted.
    """
    return lu(A[-2], A[-1]) * batch(A)


@formula("aten::linalg_lu_solve", kind="linear algebra")
def lu_solve(LU: Size, out: Size) -> Ops:
    """[*, n, k] = U^-1 L^-1 [*, n, k]: two triangular systems, one with a unit diagonal."""
    n = LU[-1]
    columns = out.numel() // n if n else 0
    return triangular_solve(n, columns, unit=True) + triangular_solve(n, columns, unit=False)


@formula("aten::_linalg_solve_ex", kind="linear algebra")
def solve_ex(A: Size, out: Sequence[Size]) -> Ops:
    """[*, n, k], ... = A^-1 B: an LU per matrix, and two triangular systems per column."""
    return lu(A[-1], A[-1]) * batch(A) + lu_solve(A, out[0])


@formula("aten::linalg_inv_ex", kind="linear algebra")
def inv_ex(A: Size) -> Ops:
    """[*, n, n] = A^-1: 8 n^3 / 3. torch solves A X = 1, by an LU and n columns."""
    return solve_ex(A, (A,))


@formula("aten::linalg_solve_triangular", kind="linear algebra")
def solve_triangular(self: Size, *, unitriangular: bool = False, out: Size) -> Ops:
    """[*, n, k] = T^-1 [*, n, k]: a triangular system per column."""
    n = self[-1]
    return triangular_solve(n, out.numel() // n if n else 0, unit=unitriangular)


@formula("aten::triangular_solve", kind="linear algebra")
def triangular_solve_op(A: Size, unitriangular: bool = False, *, out: Sequence[Size]) -> Ops:
    """[*, n, k], ... = T^-1 [*, n, k]: a triangular system per column."""
    n = A[-1]
    return triangular_solve(n, out[0].numel() // n if n else 0, unit=unitriangular)


@formula("aten::cholesky_solve", kind="linear algebra")
@formula("aten::_cholesky_solve_helper", kind="linear algebra")
def cholesky_solve(self: Size, input2: Size, out: Size) -> Ops:
    """[*, n, k] = L^-T L^-1 [*, n, k]: two triangular systems per column."""
    n = input2[-1]
    return triangular_solve(n, out.numel() // n if n else 0, unit=False) * 2


@formula("aten::linalg_qr", kind="linear algebra")
def qr(A: Size, mode: str = "reduced", *, out: Sequence[Size]) -> Ops:
    """[*, m, k], [*, k, n] = qr([*, m, n]): the reflectors; unless ``mode`` is "r", Q from them."""
    m, n = A[-2:]
    ops = householder(m, n)
    if mode != "r":
        ops = ops + reflectors_product(m, out[0][-1], min(m, n))
    return ops * batch(A)


@formula("aten::geqrf", kind="linear algebra")
def geqrf(self: Size) -> Ops:
    """[*, m, n], tau = qr([*, m, n]): the reflectors."""
    return householder(self[-2], self[-1]) * batch(self)


@formula("aten::linalg_householder_product", kind="linear algebra")
def householder_product(input: Size, tau: Size) -> Ops:
    """[*, m, n] = Q of the k reflectors in [*, m, n]: see ``reflectors_product``."""
    return reflectors_product(input[-2], input[-1], tau[-1]) * batch(input)


@formula("aten::ormqr", kind="linear algebra")
def ormqr(input2: Size, left: bool = True, *, out: Size) -> Ops:
    """[*, m, n] = Q [*, m, n], Q the product of k reflectors: each is applied to every column."""
    m, n = out[-2:] if left else (out[-1], out[-2])
    return sum((reflect(m - j, n) for j in range(input2[-1])), Ops()) * batch(out)


@formula("aten::_linalg_eigh", kind="linear algebra")
def eigh(A: Size, compute_v: bool = True) -> Ops:
    """[*, n], [*, n, n] = eigh([*, n, n]): symmetric QR (Golub and Van Loan 8.3).

    9 n^3 with eigenvectors, 4 n^3 / 3 without.
    """
    return leading((108 if compute_v else 16) * A[-1] ** 3) * batch(A)


@formula("aten::_linalg_svd", kind="linear algebra")
def svd(A: Size, full_matrices: bool = False, compute_uv: bool = True) -> Ops:
    """U, S, V = svd([*, m, n]), m >= n: Golub-Reinsch (Golub and Van Loan 8.6).

    Reduced vectors: 14 m n^2 + 8 n^3. Full vectors: 4 m^2 n + 8 m n^2 + 9 n^3.
    No vectors: 4 m n^2 - 4 n^3 / 3. If m < n, the two change places.
    """
    m, n = max(A[-2:]), min(A[-2:])
    if not compute_uv:
        return leading(48 * m * n**2 - 16 * n**3) * batch(A)
    if full_matrices:
        return leading(12 * (4 * m**2 * n + 8 * m * n**2 + 9 * n**3)) * batch(A)
    return leading(12 * (14 * m * n**2 + 8 * n**3)) * batch(A)


@formula("aten::cholesky_inverse", kind="linear algebra")
def cholesky_inverse(self: Size) -> Ops:
    """[*, n, n] = L^-T L^-1: 2 n^3 / 3, the count of LAPACK's potri (LAPACK Working Note 41)."""
    return leading(8 * self[-1] ** 3) * batch(self)


@formula("aten::linalg_ldl_factor_ex", kind="linear algebra")
def ldl_factor(self: Size) -> Ops:
    """[*, n, n], ... = ldl([*, n, n]): n^3 / 3, as for Cholesky without its square roots."""
    return leading(4 * self[-1] ** 3) * batch(self)


@formula("aten::linalg_ldl_solve", kind="linear algebra")
def ldl_solve(LD: Size, out: Size) -> Ops:
    """[*, n, k] = L^-T D^-1 L^-1 [*, n, k].

    Per column two triangular systems with a unit diagonal, and n divisions.
    """
    n = LD[-1]
    columns = out.numel() // n if n else 0
    return triangular_solve(n, columns, unit=True) * 2 + Ops(specials=out.numel())


@formula("aten::linalg_pinv", kind="linear algebra")
def pinv(A: Size, *, hermitian: bool = False) -> Ops:
    """[*, n, m] = pinv([*, m, n]) = V S^-1 U^T.

    An svd (eigh if ``hermitian``), per singular value a test and a division, V scaled, a product.
    """
    m, n = A[-2:]
    k = min(m, n)
    decomposed = eigh(A) if hermitian else svd(A)
    return decomposed + (Ops(muls=n * k, compares=k, specials=k) + matmul(n, k, m)) * batch(A)


@formula("aten::linalg_lstsq", kind="linear algebra")
def lstsq(self: Size, b: Size, *, driver: str | None = None, out: Sequence[Size]) -> Ops:
    """[*, n, k], ... = argmin |A X - B|, A of shape [*, m, n], B of shape [*, m, k] or [*, m].

    A QR of A, or of its transpose if m < n; its reflectors on each column, and a triangular system
    per column. With the drivers "gelsd" and "gelss" an svd, two products and a scaling instead.
    The pivots of "gelsy" are not counted.
    """
    m, n = self[-2:]
    columns = 1 if len(b) < len(self) else b[-1]
    matrices = prod(out[0]) // (n * columns) if n * columns else 0
    long, short = max(m, n), min(m, n)
    if driver in ("gelsd", "gelss"):
        products = matmul(short, m, columns) + matmul(n, short, columns)
        return (svd(self[-2:]) + products + Ops(specials=short * columns)) * matrices
    rotated = sum((reflect(long - j, columns) for j in range(short)), Ops())
    solved = triangular_solve(short, columns, unit=False)
    return (householder(long, short) + rotated + solved) * matrices


@formula("aten::linalg_matrix_exp", kind="linear algebra")
def matrix_exp(self: Size) -> Ops:
    """[*, n, n] = exp([*, n, n]): torch's Taylor polynomial of degree 18, in 5 products.

    Five sums of five matrices with weights, 3 more sums. A small matrix takes a lower degree, and a
    large one is halved and squared again. Both depend on the values: not counted.
    """
    n = self[-1]
    if n == 1:
        return Ops(specials=prod(self))
    sums = Ops(adds=5 * 4 + 3, muls=5 * 5) * (n * n)
    return (matmul(n, n, n) * 5 + sums) * batch(self)
