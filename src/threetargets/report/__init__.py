"""Tables, figures, claims and the page that shows them."""
