"""The control center: a web page on the API's second port.

    page/       the page itself: HTML, styles and JavaScript modules, as they are served
    vendor/     libraries of others, as they are published; vendored.json says which, hashes.json holds them
    assets.py   the files as answers
    fetching.py fetches the libraries anew

The page is a client of the API like any other, and may do what its user may.
"""
