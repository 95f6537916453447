"""The HTTP interface as an OpenAPI 3.1 document, made from the contract: its rules, its comments, its bounds."""
