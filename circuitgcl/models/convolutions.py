"""Convolutions of the encoder: PyTorch Geometric's layers, exact also where a neighbour stands for many.

Every layer here has the parameters of the layer of PyTorch Geometric it is named after and gives its numbers
on a plain graph; on a quotient graph it gives the numbers of the full graph. To add one, write a module with
the two steps of `Convolution` and enter it in `CONVOLUTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import (
    ClusterGCNConv,
    GATv2Conv,
    GCNConv,
    GINEConv,
    ResGatedGraphConv,
    SAGEConv,
)

from circuitgcl.models.neighbourhoods import Neighbourhood, blocks

ATTENTION_HEADS = 4
TINY_VARIANCE = 1e-5  # below it neighbours count as alike: a deviation has no gradient there


class Convolution(Protocol):
    """One layer of message passing along one relation, in two steps.

    `combined` works row by row, so that rows may be gone through in blocks; whatever needs the neighbours
    happens in `gathered`.
    """

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """What the neighbours say, [T, *], from states of sources [S, H] and of the targets [T, H]."""
        ...

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """The layer's output [T, H] from what was gathered and the targets' own states."""
        ...


class MeanConvolution(SAGEConv):  # type: ignore[misc]
    r"""GraphSAGE (Hamilton et al., NeurIPS 2017): :math:`W\,\mathrm{mean}_j h_j + U h_i`."""

    def __init__(self, width: int) -> None:
        super().__init__((width, width), width, aggr="sum")

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """Mean of the neighbours' states, [T, H]."""
        return _weighted_sum(source, near.index, near.share, len(own))

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """[T, H]."""
        out: Tensor = self.lin_l(gathered) + self.lin_r(own)
        return out


class NormalisedConvolution(GCNConv):  # type: ignore[misc]
    r"""GCN (Kipf & Welling, ICLR 2017): :math:`W \sum_{j \in N(i) \cup i} h_j / \sqrt{d_i d_j}`.

    Degrees d count the relation at hand and the node itself.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, width, add_self_loops=False)  # loops are added in `gathered`

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """[T, H]."""
        start, end = near.index
        to, from_ = (1 + near.target_degree).rsqrt(), (1 + near.source_degree).rsqrt()
        weight = (near.count * from_[start] * to[end]).unsqueeze(1)
        return _weighted_sum(source, near.index, weight, len(own)) + own * to.square().unsqueeze(1)

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """[T, H]."""
        out: Tensor = self.lin(gathered) + self.bias
        return out


class ClusterConvolution(ClusterGCNConv):  # type: ignore[misc]
    r"""ClusterGCN (Chiang et al., KDD 2019): :math:`W \sum_{j \in N(i) \cup i} h_j / d_i + U h_i`."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, add_self_loops=False)  # loops are added in `gathered`

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """[T, H]."""
        scale = (1 / (1 + near.target_degree)).unsqueeze(1)
        weight = near.count.unsqueeze(1) * scale[near.index[1]]
        return _weighted_sum(source, near.index, weight, len(own)) + own * scale

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """[T, H]."""
        out: Tensor = self.lin_out(gathered) + self.lin_root(own)
        return out


class AttentionConvolution(GATv2Conv):  # type: ignore[misc]
    r"""GATv2 (Brody et al., ICLR 2022) with a residual; n equal neighbours weigh n times."""

    def __init__(self, width: int) -> None:
        super().__init__(
            (width, width), width // ATTENTION_HEADS, ATTENTION_HEADS, add_self_loops=False, residual=True
        )

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """Attended mean of the neighbours, [T, H]."""
        value, query = self.lin_l(source), self.lin_r(own)
        start, end = near.index
        logits = torch.cat([self._logits(value, query, start[b], end[b]) for b in _some(len(start))])
        top = torch.full((len(own), self.heads), -torch.inf, dtype=logits.dtype, device=logits.device)
        top = top.scatter_reduce(0, end.unsqueeze(1).expand_as(logits), logits.detach(), "amax")
        mass = near.count.unsqueeze(1) * (logits - top[end]).exp()
        total = torch.zeros_like(top, dtype=mass.dtype).index_add(0, end, mass)
        share = (mass / total[end]).repeat_interleave(self.out_channels, dim=1)
        return _weighted_sum(value, near.index, share, len(own))

    def _logits(self, value: Tensor, query: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """[e, heads]."""
        joined = functional.leaky_relu(value[start] + query[end], self.negative_slope)
        logits: Tensor = (joined.view(-1, self.heads, self.out_channels) * self.att).sum(dim=-1)
        return logits

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """[T, H]."""
        out: Tensor = gathered + self.res(own) + self.bias
        return out


class IsomorphismConvolution(GINEConv):  # type: ignore[misc]
    r"""GINE (Hu et al., ICLR 2020): :math:`\mathrm{MLP}((1+\epsilon) h_i + \sum_j \mathrm{ReLU}(h_j + e))`.

    The edge vector e is learned, one for the relation.
    """

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)), train_eps=True
        )
        self.edge = nn.Parameter(torch.zeros(width))

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """[T, H]."""
        return _weighted_sum((source + self.edge).relu(), near.index, near.count.unsqueeze(1), len(own))

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """[T, H]."""
        out: Tensor = self.nn(gathered + (1 + self.eps) * own)
        return out


class GatedConvolution(ResGatedGraphConv):  # type: ignore[misc]
    r"""Residual gated graph convolution (Bresson & Laurent, 2017).

    :math:`\sum_j \sigma(K h_i + Q h_j) \odot V h_j + S h_i`.
    """

    def __init__(self, width: int) -> None:
        super().__init__((width, width), width)

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """[T, H]."""
        key, query, value = self.lin_key(own), self.lin_query(source), self.lin_value(source)
        out = _zeros(value, near.count, len(own))
        for part in blocks(near.index.shape[1]):
            start, end = near.index[:, part]
            gate = torch.sigmoid(key[end] + query[start])
            out = out.index_add(0, end, gate * value[start] * near.count[part].unsqueeze(1))
        return out

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """[T, H]."""
        out: Tensor = gathered + self.lin_skip(own) + self.bias
        return out


class PrincipalConvolution(nn.Module):
    r"""Principal neighbourhood aggregation (Corso et al., NeurIPS 2020).

    Mean, maximum, minimum and deviation of the neighbours' states, each as it is, amplified by
    :math:`\log(d+1)` and attenuated by its inverse. The source divides the logarithm by its mean over the
    training graphs: a constant that the linear map behind takes up, left out here.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.Linear(width, width)
        self.after = nn.Linear(13 * width, width)

    def gathered(self, source: Tensor, own: Tensor, near: Neighbourhood) -> Tensor:
        """The four aggregates and the logarithm of the degree, [T, 4 H + 1]; zeros without neighbours."""
        state = self.before(source)
        rows, end = len(own), near.index[1]
        mean = _weighted_sum(state, near.index, near.share, rows)
        square = _weighted_sum(state.square(), near.index, near.share, rows)
        variance = square - mean.square()
        deviation = torch.where(variance > TINY_VARIANCE, variance.clamp(min=TINY_VARIANCE).sqrt(), 0.0)
        extremes = []
        for how, empty in (("amax", -torch.inf), ("amin", torch.inf)):
            out = torch.full_like(mean, empty)
            for part in blocks(len(end)):
                start, stop = near.index[:, part]
                heard = state[start].to(out.dtype)
                out = out.scatter_reduce(0, stop.unsqueeze(1).expand_as(heard), heard, how)
            extremes.append(torch.where(out.isfinite(), out, 0.0))
        return torch.cat([mean, *extremes, deviation, near.target_degree.log1p().unsqueeze(1)], dim=1)

    def combined(self, gathered: Tensor, own: Tensor) -> Tensor:
        """[T, H]."""
        aggregates, degree = gathered[:, :-1], gathered[:, -1:]
        fewer = torch.where(degree > 0, 1 / degree.clamp(min=1e-6), 0.0)
        out: Tensor = self.after(torch.cat([own, aggregates, aggregates * degree, aggregates * fewer], dim=1))
        return out


class LayerKind(StrEnum):
    """Which convolution the layers of an encoder are made of."""

    SAGE = "sage"
    GCN = "gcn"
    CLUSTER_GCN = "cluster_gcn"
    GAT = "gat"
    GINE = "gine"
    RES_GATED = "res_gated"
    PNA = "pna"


CONVOLUTIONS: dict[LayerKind, Callable[[int], nn.Module]] = {
    LayerKind.SAGE: MeanConvolution,
    LayerKind.GCN: NormalisedConvolution,
    LayerKind.CLUSTER_GCN: ClusterConvolution,
    LayerKind.GAT: AttentionConvolution,
    LayerKind.GINE: IsomorphismConvolution,
    LayerKind.RES_GATED: GatedConvolution,
    LayerKind.PNA: PrincipalConvolution,
}


def _weighted_sum(source: Tensor, index: Tensor, weight: Tensor, targets: int) -> Tensor:
    """Weighted states of the neighbours added up, [targets, H]; weights [E, 1] or [E, H]."""
    out = _zeros(source, weight, targets)
    for part in blocks(index.shape[1]):
        start, end = index[:, part]
        out = out.index_add_(0, end, source[start] * weight[part])
    return out


def _zeros(source: Tensor, weight: Tensor, targets: int) -> Tensor:
    """Sums start here, in the wider precision of the two: low precision would lose the many small terms."""
    dtype = torch.promote_types(source.dtype, weight.dtype)
    return torch.zeros(targets, source.shape[1], dtype=dtype, device=source.device)


def _some(rows: int) -> list[slice]:
    """At least one block, be it empty."""
    return list(blocks(rows)) or [slice(0, 0)]
