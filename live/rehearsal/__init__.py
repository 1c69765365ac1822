"""The real experiment of the paper, rehearsed in MuJoCo up to the cables (GraspGF Sec. 5.4, App. D.2, Table 4)."""
