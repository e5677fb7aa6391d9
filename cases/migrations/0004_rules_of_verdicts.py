"""What may be true of cases and verdicts, now that verdicts wait."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cases", "0003_moments_of_effect"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='reviewcase',
            index=models.Index(condition=models.Q(('status', 'on_hold')), fields=['held_until'], name='case_held'),
        ),
        migrations.AddIndex(
            model_name='verdict',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['effective_at'], name='verdict_pending'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['queued', 'claimed', 'awaiting_second', 'decided', 'awaiting_subject', 'on_hold'])), fields=('subject_kind', 'subject_id'), name='one_open_case_per_subject'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'on_hold'), _negated=True), ('held_until__isnull', False), _connector='OR'), name='held_case_comes_back'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['pending', 'awaiting_second'])), fields=('case',), name='one_waiting_verdict_per_case'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['approve', 'hold']), models.Q(('reason_codes', []), _negated=True), _connector='OR'), name='negative_verdict_has_reasons'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'hold'), _negated=True), ('hold_until__isnull', False), _connector='OR'), name='hold_has_an_end'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.CheckConstraint(condition=models.Q(('is_final', False), models.Q(('kind', 'reject'), ('needs_second', True)), _connector='OR'), name='final_rejection_takes_two'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.CheckConstraint(condition=models.Q(('second__isnull', True), models.Q(('second', models.F('reviewer')), _negated=True), _connector='OR'), name='second_is_not_the_first'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.CheckConstraint(condition=models.Q(('opened_by__isnull', True), models.Q(models.Q(('opened_by', models.F('reviewer')), _negated=True), models.Q(('second__isnull', True), models.Q(('opened_by', models.F('second')), _negated=True), _connector='OR')), _connector='OR'), name='nobody_decides_what_they_opened'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.CheckConstraint(condition=models.Q(('needs_second', False), ('second__isnull', False), models.Q(('status__in', ['pending', 'effective']), _negated=True), _connector='OR'), name='no_effect_without_second'),
        ),
        migrations.AddConstraint(
            model_name='verdict',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['pending', 'effective']), _negated=True), ('effective_at__isnull', False), _connector='OR'), name='effect_has_its_moment'),
        ),
    ]
