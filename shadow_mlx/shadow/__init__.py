"""The method: a small shadow beside a frozen backbone, attached to it or alone.

Shape legend of this package: ``B`` batch, ``T`` tokens, ``D`` backbone width, ``D_s`` shadow
width, ``L`` decoder blocks, ``r`` rank, ``u`` update width, ``V`` vocabulary. Equation numbers are
those of ShadowPEFT (arXiv 2604.19254).
"""
