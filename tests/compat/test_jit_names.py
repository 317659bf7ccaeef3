"""The names of ops in the doors of the tools that trace, against traces of torch."""

import warnings

import pytest
import torch
from helpers.functions import Fn

from hookcount.compat import fvcore, torchprofile

X = torch.rand(3, 3) / 2 + 0.1
OF_ONE = (
    "absolute adjoint arccos arccosh arcsin arcsinh arctan arctanh det detach_ fix inverse "
    "matrix_exp negative special.digamma special.erf special.erfc special.erfinv special.exp2 "
    "special.expit special.expm1 special.gammaln special.i0 special.log1p special.logit "
    "special.psi special.round special.sinc"
)
OF_TWO = (
    "arctan2 clip divide greater greater_equal less less_equal linalg.matmul multiply not_equal "
    "special.gammainc special.gammaincc special.xlogy subtract true_divide"
)
IN_PLACE = "absolute_ arcsin_ clip_ divide_ multiply_ negative_ subtract_ true_divide_"


def named(name):
    owner = torch
    for part in name.split("."):
        owner = getattr(owner, part, None) or getattr(torch.Tensor, part)
    return owner


def of_number(name):
    others = () if name.startswith(("abs", "arc", "neg")) else (2,)
    return lambda me, x: named(name)(x.clone(), *others)


CASES = {
    **{name: lambda me, x, name=name: named(name)(x) for name in OF_ONE.split()},
    **{name: lambda me, x, name=name: named(name)(x, x) for name in OF_TWO.split()},
    **{name: of_number(name) for name in IN_PLACE.split()},
    "concat": lambda me, x: torch.concat([x, x]),
    "concatenate": lambda me, x: torch.concatenate([x, x]),
    "row_stack": lambda me, x: torch.row_stack([x, x]),
    "matrix_power": lambda me, x: torch.matrix_power(x, 2),
    "moveaxis": lambda me, x: x.moveaxis(0, 1),
    "swapaxes": lambda me, x: x.swapaxes(0, 1),
    "swapdims_": lambda me, x: x.clone().swapdims_(0, 1),
    "ger": lambda me, x: torch.ger(x[0], x[1]),
    "orgqr": lambda me, x: torch.orgqr(x, x[0]),
    "multigammaln": lambda me, x: torch.special.multigammaln(x + 4, 2),
    "polygamma": lambda me, x: torch.special.polygamma(1, x),
    "logsumexp": lambda me, x: torch.special.logsumexp(x, 0),
    "softmax": lambda me, x: torch.special.softmax(x, 0),
    "log_softmax": lambda me, x: torch.special.log_softmax(x, 0),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_the_names_of_a_trace(case):
    model = Fn(CASES[case])
    graph, _ = torch.jit._get_trace_graph(model, (X.clone(),))
    wanted = {node.kind() for node in graph.nodes() if node.kind().startswith("aten::")}
    asked = set()
    handles = {name: lambda inputs, outputs, name=name: asked.add(name) or 0 for name in wanted}
    flops = fvcore.JitModelAnalysis(model, X.clone()).set_op_handle(**handles)
    assert not flops.unsupported_ops()
    assert asked == wanted


def test_a_product_by_another_name_counts():
    model = Fn(lambda me, x: torch.linalg.matmul(x, x[:, :2]))
    assert fvcore.FlopCountAnalysis(model, X).by_operator() == {"matmul": 3 * 3 * 2}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would name an op without a handler
        assert torchprofile.profile_macs(model, X) == 3 * 3 * 2
