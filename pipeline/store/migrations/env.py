"""What Alembic runs: the steps between two revisions, on the connection that it is given.

To change the schema: change schema.py, write versions/rNNNN_what.py by hand, set SCHEMA_REVISION.
A test compares the tables that the migrations make with those of schema.py on both databases.
"""

from alembic import context

from pipeline.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
