"""The losses of pretraining and fine-tuning, each one formula. Called by the training loop's only thread.

Notation used for tensor shapes:
    N: pairs in a batch; D: dimensions of the embedding; h, w: size of the gaze map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody knows
from torch import Tensor


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    """Of ``(N, D)`` and ``(N, D)`` or ``(N, K, D)``, in full precision: a sharp softmax needs more than 16 bits."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b.T if b.ndim == 2 else torch.einsum("id,jkd->ijk", a, b)


def info_nce(
    z_v: Tensor,
    z_s: Tensor,
    log_scale: Tensor,
    *,
    weights: Tensor | None = None,
    negatives: Tensor | None = None,
    margin: float = 0.0,
) -> Tensor:
    """Symmetric, weighted InfoNCE between video and speech.

    With cosines ``c_ij = z_v[i] . z_s[j]`` and ``s = exp(log_scale)``, the video side of pair i is::

        l_i = -log  e^{s (c_ii - margin)} / (e^{s (c_ii - margin)} + sum_{j != i} d_ij e^{s c_ij})

    the speech side runs over the columns, and the loss is ``sum_i w_i (l_i^v + l_i^s) / 2 / sum_i w_i``. With all w and
    d equal to 1 this is the loss of van den Oord 2018 (arXiv 1807.03748) in the symmetric form of Radford 2021
    (arXiv 2103.00020); the additive margin is that of Wang 2018 (arXiv 1801.05599).

    Args:
        z_v: ``(N, D)`` unit vectors of the clips.
        z_s: ``(N, D)`` unit vectors of the speech.
        log_scale: scalar, the logarithm of the inverse temperature; learnt.
        weights: ``(N,)`` in [0, 1], of the positive pairs; None: all 1.
        negatives: ``(N, N)`` in [0, 1]: how much pair (i, j) counts as a negative; its diagonal is not looked at;
            None: all 1.
        margin: see above.

    Returns:
        Scalar; 0 (with gradient 0) when all weights are 0.
    """
    n = len(z_v)
    eye = torch.eye(n, dtype=torch.bool, device=z_v.device)
    logits = log_scale.exp() * (_cosines(z_v, z_s) - margin * eye)
    if negatives is not None:
        # A negative that does not count has the logarithm -inf, and e^-inf = 0 in the sum.
        logits = logits + negatives.masked_fill(eye, 1.0).log()
    truth = torch.arange(n, device=z_v.device)
    each = (F.cross_entropy(logits, truth, reduction="none") + F.cross_entropy(logits.T, truth, reduction="none")) / 2
    if weights is None:
        return each.mean()
    return (weights * each).sum() / weights.sum().clamp_min(1e-12)


def mil_nce(z_v: Tensor, z_s: Tensor, log_scale: Tensor, *, negatives: Tensor | None = None) -> Tensor:
    """InfoNCE in which one of several speech windows around a clip has to fit it (Miech 2020, arXiv 1912.06430).

    With ``e_ijk = e^{s z_v[i] . z_s[j, k]}`` and ``s = exp(log_scale)``, the loss of clip i is::

        l_i = -log  sum_k e_iik / (sum_k e_iik + sum_{j != i} sum_k d_ij e_ijk + sum_{j != i} sum_k d_ji e_jik)

    and the loss is its mean. So speech may lead or lag the image by as much as its bag reaches.

    Args:
        z_v: ``(N, D)`` unit vectors of the clips.
        z_s: ``(N, K, D)`` unit vectors of the bag of K speech windows of each clip.
        log_scale: scalar, the logarithm of the inverse temperature.
        negatives: ``(N, N)`` in [0, 1]: how much clip i and bag j count as a negative; its diagonal is not looked at.
    """
    n = len(z_v)
    eye = torch.eye(n, dtype=torch.bool, device=z_v.device)
    bags = torch.logsumexp(log_scale.exp() * _cosines(z_v, z_s), dim=2)
    positive = bags.diagonal()
    if negatives is not None:
        bags = bags + negatives.masked_fill(eye, 1.0).log()
    other_clips = bags.T.masked_fill(eye, float("-inf"))
    return (torch.logsumexp(torch.cat([bags, other_clips], dim=1), dim=1) - positive).mean()


def nt_xent(z_a: Tensor, z_b: Tensor, log_scale: Tensor, *, negatives: Tensor | None = None) -> Tensor:
    """Two views of each clip find each other among all others (SimCLR; Chen 2020, arXiv 2002.05709).

    Over the 2N vectors ``z`` with partners ``p(i)`` and ``d`` as below, mean of::

        -log  e^{s z_i . z_p(i)} / (e^{s z_i . z_p(i)} + sum_{k != i, p(i)} d_ik e^{s z_i . z_k})

    Args:
        z_a: ``(N, D)`` unit vectors of one view.
        z_b: ``(N, D)`` of the other.
        log_scale: scalar, the logarithm of the inverse temperature.
        negatives: ``(N, N)`` in [0, 1]: how much item j counts as a negative of item i, in either view; its diagonal is
            not looked at; None: all 1.
    """
    n = len(z_a)
    z = torch.cat([z_a, z_b])
    logits = log_scale.exp() * _cosines(z, z)
    if negatives is not None:
        logits = logits + negatives.masked_fill(torch.eye(n, dtype=torch.bool, device=z.device), 1.0).log().repeat(2, 2)
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), float("-inf"))
    partner = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
    return F.cross_entropy(logits, partner)


def admissible_nll(logits: Tensor, admissible: Tensor) -> Tensor:
    """Negative logarithm of the probability that a frame's class is one of its admissible ones, mean over frames.

    With ``p = softmax(z_i)`` and the set ``S_i``: ``l_i = -log sum_{k in S_i} p_k``, the likelihood of a partial label
    (Jin and Ghahramani 2002, *Learning with multiple labels*, NeurIPS 15). With one class a set it is cross-entropy.

    Args:
        logits: ``(N, n_classes)``.
        admissible: ``(N, n_classes)`` bool; a frame without any has no part in it.

    Returns:
        Scalar; 0 (with gradient 0) when no frame has a set.
    """
    told = admissible.any(dim=1)
    if not told.any():
        return logits.sum() * 0.0
    z, inside = logits[told], admissible[told]
    return (torch.logsumexp(z, dim=1) - torch.logsumexp(z.masked_fill(~inside, float("-inf")), dim=1)).mean()


def correspondence_bce(logits: Tensor, synchronous: Tensor, weights: Tensor) -> Tensor:
    """Weighted binary cross-entropy: are clip and speech of the same moment?

    ``sum_k w_k [-y_k log p_k - (1 - y_k) log(1 - p_k)] / sum_k w_k`` with ``p = sigmoid(logits)``.

    Args:
        logits: ``(K,)`` of the correspondence head.
        synchronous: ``(K,)`` 1 for pairs of the same moment, else 0.
        weights: ``(K,)`` in [0, 1].
    """
    each = F.binary_cross_entropy_with_logits(logits, synchronous.to(logits.dtype), reduction="none")
    return (weights * each).sum() / weights.sum().clamp_min(1e-12)


def distillation_kl(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """KL(teacher || student) of softened classes in nats, times T squared, mean over frames (Hinton 2015, 1503.02531).

    ``T^2 sum_c p(c) (log p(c) - log q(c))`` with ``p = softmax(teacher_logits / T)``, ``q = softmax(logits / T)``. The
    factor keeps the gradients as large as those of other losses, whatever the temperature.

    Args:
        logits: ``(N, n_classes)``.
        teacher_logits: ``(N, n_classes)``.
        temperature: T, positive; the higher, the more the unlikely classes count.
    """
    log_q = F.log_softmax(logits / temperature, dim=1)
    log_p = F.log_softmax(teacher_logits / temperature, dim=1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()


def gaze_kl(gaze_logits: Tensor, density: Tensor) -> Tensor:
    """KL(truth || prediction) in nats, mean over frames; the prediction is the softmax over the map.

    ``sum_x t(x) (log t(x) - log softmax(gaze_logits)(x))`` with 0 log 0 = 0.

    Args:
        gaze_logits: ``(N, h, w)`` log-density up to a constant.
        density: ``(N, h, w)``, each sums to 1.
    """
    log_p = F.log_softmax(gaze_logits.flatten(1), dim=1)
    t = density.flatten(1)
    return (torch.xlogy(t, t) - t * log_p).sum(dim=1).mean()
