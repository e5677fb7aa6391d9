"""Blind second reviews, golden cases and what came of them.

The guards of verdicts come down while tables that they name are rebuilt (SQLite), and go up again. The new
ones hold for superusers and shells too: who is kept away from a case gives no verdict on it, and what a
second look compared stays as it was.
"""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.fields

_gate = importlib.import_module("risk.migrations.0006_activation_triggers")
_verdicts = importlib.import_module("cases.migrations.0008_verdict_guards")
Guard, changed = _gate.Guard, _gate.changed

GUARDS = [
    Guard(
        "excluded_people_do_not_decide",
        "cases_verdict",
        "INSERT",
        "EXISTS (SELECT 1 FROM cases_caseexclusion AS kept "
        "WHERE kept.case_id = NEW.case_id AND kept.user_id = NEW.reviewer_id)",
    ),
    Guard(
        "excluded_people_do_not_sign",
        "cases_verdict",
        "UPDATE",
        "NEW.second_id IS NOT NULL AND OLD.second_id IS NULL AND EXISTS ("
        "SELECT 1 FROM cases_caseexclusion AS kept "
        "WHERE kept.case_id = NEW.case_id AND kept.user_id = NEW.second_id)",
    ),
    Guard(
        "first_look_stays",
        "cases_secondlook",
        "UPDATE",
        changed(
            "kind", "queue_id", "case_id", "original_id", "golden_id", "judged_at", "model_id", "first_verdict_id",
            "first_reviewer_id", "first_kind", "first_codes", "created_at",
        ),
    ),
    Guard(
        "answered_look_stays",
        "cases_secondlook",
        "UPDATE",
        "OLD.answered_at IS NOT NULL AND ("
        + changed("second_verdict_id", "second_reviewer_id", "second_kind", "second_codes", "is_agreed", "answered_at")
        + ")",
    ),
    Guard(
        "adjudicated_look_stays",
        "cases_secondlook",
        "UPDATE",
        "OLD.adjudicated_at IS NOT NULL AND ("
        + changed("truth_kind", "truth_codes", "adjudicator_id", "adjudicated_at", "is_first_right", "is_second_right")
        + ")",
    ),
    Guard("look_is_kept", "cases_secondlook", "DELETE", "OLD.id IS NOT NULL"),
]  # fmt: skip


def put_up(apps, schema_editor):
    for guard in GUARDS:
        for statement in guard.create(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


def take_down(apps, schema_editor):
    for guard in reversed(GUARDS):
        for statement in guard.drop(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('cases', '0008_verdict_guards'),
        ('risk', '0020_appeal_labels'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(_verdicts.take_down, _verdicts.put_up),
        migrations.CreateModel(
            name='GoldenCase',
            fields=[
                ('id', core.fields.TimeOrderedIdField(serialize=False)),
                ('kind', models.CharField(max_length=16, verbose_name='right verdict')),
                ('reason_codes', models.JSONField(default=list)),
                ('why', models.TextField(verbose_name='why it is right')),
                ('judged_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'golden case',
                'verbose_name_plural': 'golden cases',
            },
        ),
        migrations.CreateModel(
            name='LookReason',
            fields=[
                ('id', core.fields.TimeOrderedIdField(serialize=False)),
                ('code', models.CharField(max_length=40)),
                ('by_first', models.BooleanField()),
                ('by_second', models.BooleanField()),
            ],
            options={
                'verbose_name': 'reason in a second look',
                'verbose_name_plural': 'reasons in second looks',
            },
        ),
        migrations.CreateModel(
            name='LookRule',
            fields=[
                ('id', core.fields.TimeOrderedIdField(serialize=False)),
                ('code', models.CharField(max_length=40)),
            ],
            options={
                'verbose_name': 'rule in a second look',
                'verbose_name_plural': 'rules in second looks',
            },
        ),
        migrations.CreateModel(
            name='SecondLook',
            fields=[
                ('id', core.fields.TimeOrderedIdField(serialize=False)),
                ('kind', models.CharField(choices=[('blind', 'Blind second review'), ('sample', 'Random sample of the system’s decisions'), ('golden', 'Golden case'), ('signature', 'Second signature'), ('appeal', 'Appeal')], max_length=12)),
                ('judged_at', models.DateTimeField()),
                ('model_id', models.BigIntegerField(null=True)),
                ('first_kind', models.CharField(max_length=16)),
                ('first_codes', models.JSONField(default=list)),
                ('second_kind', models.CharField(blank=True, max_length=16)),
                ('second_codes', models.JSONField(default=list)),
                ('is_agreed', models.BooleanField(null=True)),
                ('is_first_right', models.BooleanField(null=True)),
                ('is_second_right', models.BooleanField(null=True)),
                ('truth_kind', models.CharField(blank=True, max_length=16)),
                ('truth_codes', models.JSONField(default=list)),
                ('truth_note', models.TextField(blank=True)),
                ('is_undone', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(null=True)),
                ('adjudicated_at', models.DateTimeField(null=True)),
                ('dropped_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'second look',
                'verbose_name_plural': 'second looks',
            },
        ),
        migrations.RemoveConstraint(
            model_name='reviewcase',
            name='one_open_case_per_subject',
        ),
        migrations.AddField(
            model_name='queue',
            name='blind_share',
            field=models.FloatField(default=0, verbose_name='share reviewed twice'),
        ),
        migrations.AddField(
            model_name='queue',
            name='golden_share',
            field=models.FloatField(default=0, verbose_name='share of golden cases'),
        ),
        migrations.AddField(
            model_name='reviewcase',
            name='purpose',
            field=models.CharField(choices=[('work', 'Work'), ('blind', 'Blind second review'), ('golden', 'Copy of a golden case')], default='work', max_length=8),
        ),
        migrations.AddConstraint(
            model_name='queue',
            constraint=models.CheckConstraint(condition=models.Q(('blind_share__range', (0, 1))), name='blind_share_is_a_share'),
        ),
        migrations.AddConstraint(
            model_name='queue',
            constraint=models.CheckConstraint(condition=models.Q(('golden_share__range', (0, 0.5))), name='golden_share_is_a_half_at_most'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.UniqueConstraint(condition=models.Q(('purpose', 'work'), ('status__in', ['queued', 'claimed', 'awaiting_second', 'decided', 'awaiting_subject', 'on_hold'])), fields=('subject_kind', 'subject_id'), name='one_open_case_per_subject'),
        ),
        migrations.AddField(
            model_name='goldencase',
            name='case',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='golden', to='cases.reviewcase'),
        ),
        migrations.AddField(
            model_name='goldencase',
            name='marked_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='goldencase',
            name='queue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='golden_cases', to='cases.queue'),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='adjudicator',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='looks', to='cases.reviewcase'),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='first_reviewer',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='first_verdict',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cases.verdict'),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='golden',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='looks', to='cases.goldencase'),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='original',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='looked_at', to='cases.reviewcase'),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='queue',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='looks', to='cases.queue'),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='second_reviewer',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='secondlook',
            name='second_verdict',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cases.verdict'),
        ),
        migrations.AddField(
            model_name='lookrule',
            name='look',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='cases.secondlook'),
        ),
        migrations.AddField(
            model_name='lookreason',
            name='look',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='reasons', to='cases.secondlook'),
        ),
        migrations.AddConstraint(
            model_name='goldencase',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'approve'), models.Q(('kind', 'reject'), models.Q(('reason_codes', []), _negated=True)), _connector='OR'), name='golden_case_has_its_answer'),
        ),
        migrations.AddConstraint(
            model_name='goldencase',
            constraint=models.CheckConstraint(condition=models.Q(('why', ''), _negated=True), name='golden_case_says_why'),
        ),
        migrations.AddIndex(
            model_name='secondlook',
            index=models.Index(fields=['first_reviewer', 'id'], name='look_of_first'),
        ),
        migrations.AddIndex(
            model_name='secondlook',
            index=models.Index(fields=['second_reviewer', 'id'], name='look_of_second'),
        ),
        migrations.AddIndex(
            model_name='secondlook',
            index=models.Index(fields=['queue', 'id'], name='look_in_queue'),
        ),
        migrations.AddIndex(
            model_name='secondlook',
            index=models.Index(condition=models.Q(('adjudicated_at', None), ('is_agreed', False), ('kind__in', ['blind', 'sample'])), fields=['id'], name='look_to_adjudicate'),
        ),
        migrations.AddConstraint(
            model_name='secondlook',
            constraint=models.UniqueConstraint(condition=models.Q(('kind__in', ['blind', 'golden', 'sample'])), fields=('case',), name='one_look_per_case'),
        ),
        migrations.AddConstraint(
            model_name='secondlook',
            constraint=models.UniqueConstraint(condition=models.Q(('first_verdict__isnull', False)), fields=('kind', 'first_verdict'), name='one_look_of_a_kind_per_verdict'),
        ),
        migrations.AddConstraint(
            model_name='secondlook',
            constraint=models.CheckConstraint(condition=models.Q(('first_reviewer', None), ('second_reviewer', None), models.Q(('second_reviewer', models.F('first_reviewer')), _negated=True), _connector='OR'), name='second_look_is_not_the_first'),
        ),
        migrations.AddConstraint(
            model_name='secondlook',
            constraint=models.CheckConstraint(condition=models.Q(('adjudicator', None), models.Q(models.Q(('first_reviewer', None), models.Q(('adjudicator', models.F('first_reviewer')), _negated=True), _connector='OR'), models.Q(('second_reviewer', None), models.Q(('adjudicator', models.F('second_reviewer')), _negated=True), _connector='OR')), _connector='OR'), name='adjudicator_is_a_third'),
        ),
        migrations.AddConstraint(
            model_name='secondlook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('adjudicated_at', None), ('adjudicator', None), ('truth_kind', '')), models.Q(('adjudicated_at__isnull', False), ('adjudicator__isnull', False), ('is_agreed', False), ('truth_kind__in', ['approve', 'reject'])), _connector='OR'), name='adjudication_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='secondlook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answered_at', None), ('is_agreed', None)), models.Q(('answered_at__isnull', False), ('is_agreed__isnull', False)), _connector='OR'), name='answer_has_its_moment'),
        ),
        migrations.AddConstraint(
            model_name='lookrule',
            constraint=models.UniqueConstraint(fields=('look', 'code'), name='one_row_per_look_and_rule'),
        ),
        migrations.AddConstraint(
            model_name='lookreason',
            constraint=models.UniqueConstraint(fields=('look', 'code'), name='one_row_per_look_and_reason'),
        ),
        migrations.RunPython(_verdicts.put_up, _verdicts.take_down),
        migrations.RunPython(put_up, take_down),
    ]
