"""What the user looks at: address, query, open run, playback and selection. Imports no other part of the explorer."""
