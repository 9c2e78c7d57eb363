def settle(o, *, has_zero_doppler): return o
