"""Tokens of people: a key that decides cases belongs to one reviewer, who made it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='person',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('person__isnull', True), models.Q(('audience', 'operator'), ('created_by__isnull', False), ('person', models.F('created_by'))), _connector='OR'), name='token_is_made_by_its_person'),
        ),
    ]
