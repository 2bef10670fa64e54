"""The explorer: shows a recorded run in a browser. It draws results of the library.

Each package imports only from those before it:

1. ``state``    the address, the query, the open run, the selection: what the user looks at
2. ``results``  what a run knows: results that were measured, loaded and checked; their export
3. ``ui``       parts that pages are made of: figures, charts, images, widgets, components
4. ``views``    one package for each page; no page imports another page
5. ``report``   one HTML file of one or several runs, drawn by the charts of the pages; works without Streamlit's server

``main`` is the script that Streamlit runs; ``launch`` starts the server.
"""
