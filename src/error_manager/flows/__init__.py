"""The data paths: each flow puts the steps of the document's diagrams in order. Start reading here."""
