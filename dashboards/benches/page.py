"""The peers of page.rs: our document as Python's Bokeh embeds it, and the same rows in twelve plain panels as Python
draws them. Reads a JSON object with `document`, `panels` (title, kind, columns, rows) and the window in milliseconds;
writes both pages as HTML."""
import json
import math
import re
import sys
from datetime import datetime

from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.io import curdoc
from bokeh.layouts import column, row
from bokeh.models import (ColorBar, ColumnDataSource, CrosshairTool, DataTable, DateFormatter, Div, FactorRange, HoverTool,
                          LinearColorMapper, Range1d, Span, TableColumn)
from bokeh.palettes import Category20_20, Viridis256
from bokeh.plotting import figure
from bokeh.resources import CDN

asked = json.load(open(sys.argv[1]))
TIME = Range1d(asked["from"], asked["to"])
LINE = Span(dimension="height")
TOOLS = "xpan,xwheel_zoom,xbox_zoom,reset,save"


def columns(panel):
    return {it["name"]: [line[at] for line in panel["rows"]] for at, it in enumerate(panel["columns"])}


def ms(moment):
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000


def over_time(panel, draw):
    """A figure with one column a series, all at the same moments."""
    found = columns(panel)
    key = [it["name"] for it in panel["columns"] if it["name"] not in ("time", "count")][0]
    times = sorted(set(found["time"]))
    place = {moment: at for at, moment in enumerate(times)}
    totals = {}
    for name, count in zip(found[key], found["count"]):
        totals[name] = totals.get(name, 0) + count
    kept = sorted(totals, key=totals.get, reverse=True)[:15]
    names = sorted(kept) + (["others"] if len(totals) > len(kept) else [])
    series = {name: [0] * len(times) for name in names}
    for moment, name, count in zip(found["time"], found[key], found["count"]):
        series[name if name in series else "others"][place[moment]] += count
    source = ColumnDataSource({"t": [ms(moment) for moment in times], **series})
    plot = figure(title=panel["title"], height=300, x_axis_type="datetime", x_range=TIME, tools=TOOLS, sizing_mode="stretch_width")
    draw(plot, source, names)
    plot.add_tools(HoverTool(tooltips=[("time", "@t{%F %T}")] + [(name, f"@{{{name}}}") for name in names],
                             formatters={"@t": "datetime"}, mode="vline"), CrosshairTool(overlay=LINE, dimensions="height"))
    plot.legend.click_policy = "hide"
    plot.legend.orientation = "horizontal"
    return plot


def areas(plot, source, names):
    plot.varea_stack(names, x="t", color=Category20_20[:len(names)], legend_label=names, source=source)


def lines(plot, source, names):
    for name, colour in zip(names, Category20_20):
        plot.line("t", name, color=colour, legend_label=name, line_width=2, source=source)


def bars(panel):
    found = columns(panel)
    names = [str(name) for name in found[panel["columns"][0]["name"]]]
    source = ColumnDataSource({"name": names, "count": found["count"]})
    plot = figure(title=panel["title"], height=300, y_range=FactorRange(*reversed(names)), tools="tap,save", sizing_mode="stretch_width")
    plot.hbar(y="name", right="count", height=0.6, source=source)
    plot.add_tools(HoverTool(tooltips=[("", "@name"), ("", "@count")]))
    return plot


def shares(panel):
    found = columns(panel)
    names, counts = [str(name) for name in found[panel["columns"][0]["name"]]], found["count"]
    ends, angle = [], math.pi / 2
    for count in counts:
        ends.append((angle, angle - count / sum(counts) * math.tau))
        angle = ends[-1][1]
    source = ColumnDataSource({"name": names, "count": counts, "from": [a for a, _ in ends], "to": [b for _, b in ends],
                               "colour": Category20_20[:len(names)]})
    plot = figure(title=panel["title"], height=300, x_range=(-1, 1), y_range=(-1, 1), tools="save", sizing_mode="stretch_width")
    plot.annular_wedge(x=0, y=0, inner_radius=0.5, outer_radius=0.8, start_angle="from", end_angle="to", direction="clock",
                       fill_color="colour", line_color="white", legend_field="name", source=source)
    plot.add_tools(HoverTool(tooltips=[("", "@name"), ("", "@count")]))
    plot.axis.visible = plot.grid.visible = False
    return plot


def heat(panel):
    found = columns(panel)
    timed = "time" in found
    across = [ms(moment) + 450_000 for moment in found["time"]] if timed else found["hour"]
    down = [str(it) for it in found["host" if timed else "weekday"]]
    source = ColumnDataSource({"x": across, "y": down, "count": found["count"]})
    mapper = LinearColorMapper(palette=Viridis256, low=0, high=max(found["count"]))
    kind = {"x_axis_type": "datetime", "x_range": TIME} if timed else {"x_range": (-0.5, 23.5)}
    plot = figure(title=panel["title"], height=280, y_range=FactorRange(*sorted(set(down))), tools=TOOLS, sizing_mode="stretch_width", **kind)
    plot.rect(x="x", y="y", width=900_000 if timed else 0.95, height=0.92, fill_color={"field": "count", "transform": mapper},
              line_color=None, source=source)
    plot.add_layout(ColorBar(color_mapper=mapper, width=8), "right")
    plot.add_tools(HoverTool(tooltips=[("", "@y"), ("", "@count")]))
    return plot


def states(panel):
    """Stretches without a pause, as the strips of a timeline."""
    found = columns(panel)
    strips = {}
    for moment, host in sorted(zip(found["time"], found["host"])):
        start = ms(moment)
        stretches = strips.setdefault(host, [])
        if stretches and stretches[-1][1] >= start:
            stretches[-1][1] = start + 900_000
        else:
            stretches.append([start, start + 900_000])
    flat = [(host, *stretch) for host in sorted(strips)[:40] for stretch in strips[host]]
    source = ColumnDataSource({"y": [it[0] for it in flat], "from": [it[1] for it in flat], "to": [it[2] for it in flat]})
    plot = figure(title=panel["title"], height=40 * 24 + 46, x_axis_type="datetime", x_range=TIME,
                  y_range=FactorRange(*reversed(sorted(strips)[:40])), tools=TOOLS, sizing_mode="stretch_width")
    plot.hbar(y="y", left="from", right="to", height=0.7, color="seagreen", source=source)
    plot.add_tools(HoverTool(tooltips=[("", "@y")]))
    return plot


def table(panel):
    found = columns(panel)
    found["time"] = [ms(moment) for moment in found["time"]]
    heads = [TableColumn(field=name, title=name, **({"formatter": DateFormatter(format="%Y-%m-%d %H:%M:%S")} if name == "time" else {}))
             for name in found]
    return DataTable(source=ColumnDataSource(found), columns=heads, height=396, sizing_mode="stretch_width", index_position=None)


def stat(panel):
    return Div(text=f"<div style='font-size:34px'>{panel['rows'][0][-1] if panel['rows'] else 0}</div>{panel['title']}", height=84,
               sizing_mode="stretch_width")


KINDS = {"stat": stat, "areas": lambda it: over_time(it, areas), "lines": lambda it: over_time(it, lines), "bars": bars,
         "shares": shares, "heat": heat, "states": states, "table": table}
drawn = [[KINDS[panel["kind"]](panel) for panel in panels] for panels in asked["panels"]]
page = column([row(panels, sizing_mode="stretch_width") for panels in drawn], sizing_mode="stretch_width")
for drawn, path in ((Document.from_json(asked["document"]), sys.argv[2]), (page, sys.argv[3])):
    html = file_html(drawn, resources=CDN, title="Twelve panels")
    html = re.sub(r"https://cdn\.bokeh\.org/bokeh/release/(bokeh[a-z-]*)-3\.9\.2\.min\.js", r"/bokeh/\1.min.js", html)
    html = re.sub(r' (integrity|crossorigin)="[^"]*"', "", html)
    open(path, "w").write(html)
