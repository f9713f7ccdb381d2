"""Is the noise the easier target because it is normally distributed? x_0 whitened and x_0
Gaussianised as targets. (Lecture notes, 11.2.3, last remark.)"""
