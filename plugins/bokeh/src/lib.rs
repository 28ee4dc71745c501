//! Turns dashboards and their results into Bokeh documents.
