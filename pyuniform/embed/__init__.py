"""Records into embeddings: texts, models, and files of rows in the order of the records."""

from pyuniform.embed.run import embed, embed_file

__all__ = ["embed", "embed_file"]
