"""The database itself refuses to change or delete what the audit remembers."""

from django.db import migrations


def protect(apps, schema_editor):
    from accounts.append_only import protect

    protect(schema_editor.connection)


def release(apps, schema_editor):
    from accounts.append_only import release

    release(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_requests_and_audit")]

    operations = [migrations.RunPython(protect, release)]
