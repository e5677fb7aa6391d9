"""Selections of cases and bulk verdicts on them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.fields


class Migration(migrations.Migration):

    dependencies = [
        ('cases', '0009_second_looks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Selection',
            fields=[
                ('id', core.fields.TimeOrderedIdField(serialize=False)),
                ('search', models.CharField(blank=True, max_length=80)),
                ('matched', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField()),
                ('queue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cases.queue')),
                ('reviewer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='selections', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'selection',
                'verbose_name_plural': 'selections',
            },
        ),
        migrations.CreateModel(
            name='SelectedCase',
            fields=[
                ('id', core.fields.TimeOrderedIdField(serialize=False)),
                ('position', models.PositiveIntegerField()),
                ('evidence_version', models.PositiveIntegerField()),
                ('result', models.CharField(blank=True, choices=[('recorded', 'Recorded'), ('refused', 'Left alone'), ('undone', 'Undone')], max_length=12)),
                ('code', models.CharField(blank=True, max_length=32)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='selections', to='cases.reviewcase')),
                ('verdict', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='selected', to='cases.verdict')),
                ('selection', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='cases.selection')),
            ],
            options={
                'verbose_name': 'selected case',
                'verbose_name_plural': 'selected cases',
            },
        ),
        migrations.CreateModel(
            name='BulkVerdict',
            fields=[
                ('status', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=12)),
                ('step', models.CharField(blank=True, db_default='', default='', max_length=40)),
                ('message', models.TextField(blank=True)),
                ('code', models.CharField(blank=True, db_default='', default='', max_length=32)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('attempt', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                ('cancel_requested_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('id', core.fields.TimeOrderedIdField(serialize=False)),
                ('kind', models.CharField(max_length=16)),
                ('is_final', models.BooleanField(default=False)),
                ('reason_codes', models.JSONField(default=list)),
                ('requested', models.JSONField(default=list)),
                ('merchant_message', models.TextField(blank=True)),
                ('note', models.TextField(blank=True)),
                ('hold_until', models.DateTimeField(blank=True, null=True)),
                ('undo_seconds', models.PositiveIntegerField(default=0)),
                ('undo_until', models.DateTimeField(blank=True, null=True)),
                ('undo_requested_at', models.DateTimeField(blank=True, null=True)),
                ('selection', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='bulk_verdict', to='cases.selection')),
            ],
            options={
                'verbose_name': 'bulk verdict',
                'verbose_name_plural': 'bulk verdicts',
            },
        ),
        migrations.AddIndex(
            model_name='selection',
            index=models.Index(fields=['reviewer', '-id'], name='selection_of_reviewer'),
        ),
        migrations.AddConstraint(
            model_name='selectedcase',
            constraint=models.UniqueConstraint(fields=('selection', 'position'), name='one_case_per_position'),
        ),
        migrations.AddConstraint(
            model_name='selectedcase',
            constraint=models.UniqueConstraint(fields=('selection', 'case'), name='case_is_selected_once'),
        ),
        migrations.AddConstraint(
            model_name='selectedcase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('result__in', ['recorded', 'undone']), ('verdict__isnull', False)), models.Q(models.Q(('result__in', ['recorded', 'undone']), _negated=True), ('verdict__isnull', True)), _connector='OR'), name='recorded_member_has_its_verdict'),
        ),
        migrations.AddIndex(
            model_name='bulkverdict',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'running']), ('undo_until', None), _connector='OR'), fields=['status'], name='bulk_verdict_open'),
        ),
        migrations.AddConstraint(
            model_name='bulkverdict',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['approve', 'hold']), models.Q(('reason_codes', []), _negated=True), _connector='OR'), name='negative_bulk_verdict_has_reasons'),
        ),
    ]
