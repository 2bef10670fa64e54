"""Own components: Python beside the JavaScript that it hands to the browser."""
