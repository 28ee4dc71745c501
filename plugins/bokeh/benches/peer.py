"""The peer of document.rs: Python's Bokeh builds and writes the same page for each line read; prints CPU ms, bytes, bytes zipped."""
import json
import sys
import time
import zlib

import numpy as np
from bokeh.embed import json_item
from bokeh.layouts import gridplot
from bokeh.models import ColumnDataSource, CrosshairTool, HoverTool, Range1d, Span
from bokeh.plotting import figure

PANELS, POINTS = int(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(1)
TIMES = 1.772452800e12 + 15_000.0 * np.arange(POINTS)
VALUES = [np.abs(50 + np.cumsum(random.uniform(-1, 1, POINTS))).round(3) for _ in range(PANELS)]
TIMES_LIST, VALUES_LIST = TIMES.tolist(), [values.tolist() for values in VALUES]


def page(mode):
    time_range = Range1d(TIMES[0], TIMES[-1])
    line = Span(dimension="height")
    figures = []
    for index in range(PANELS):
        plot = figure(title=f"Panel {index}", height=260, x_axis_type="datetime", x_range=time_range,
                      tools="xpan,xwheel_zoom,xbox_zoom,reset,save", sizing_mode="stretch_width")
        times, values = (TIMES, VALUES[index]) if mode == "np" else (TIMES_LIST, VALUES_LIST[index])
        source = ColumnDataSource({"time": times, "mean": values})
        plot.line("time", "mean", source=source, legend_label="mean", line_width=2)
        plot.add_tools(HoverTool(tooltips=[("time", "@time{%F %T}"), ("mean", "@mean")],
                                 formatters={"@time": "datetime"}, mode="vline"),
                       CrosshairTool(overlay=line, dimensions="height"))
        plot.legend.click_policy = "hide"
        figures.append(plot)
    item = json_item(gridplot(figures, ncols=3, sizing_mode="stretch_width"))
    return json.dumps(item["doc"], separators=(",", ":"))


for mode in map(str.strip, sys.stdin):
    before = time.process_time()
    text = page(mode)
    cpu = 1_000 * (time.process_time() - before)
    print(cpu, len(text), len(zlib.compress(text.encode(), 6)), flush=True)
