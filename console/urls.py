"""Paths of the console."""

from django.urls import URLPattern, path

from .views import alerts, cases, decisions, files, home, imports, models, queues, rules, search, verdicts

app_name = "console"
urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("search", search.search, name="search"),
    # Review
    path("queues/", queues.queue_list, name="queue-list"),
    path("queues/next", queues.claim_next, name="claim-next"),
    path("queues/<slug:code>/", queues.queue, name="queue"),
    path("cases/", cases.case_list, name="cases"),
    path("cases/<slug:public_id>/", cases.case, name="case"),
    path("cases/<slug:public_id>/claim", cases.claim, name="case-claim"),
    path("cases/<slug:public_id>/release", cases.release, name="case-release"),
    path("cases/<slug:public_id>/skip", cases.skip, name="case-skip"),
    path("cases/<slug:public_id>/heartbeat", cases.heartbeat, name="case-heartbeat"),
    path("cases/<slug:public_id>/preview", verdicts.preview, name="case-preview"),
    path("cases/<slug:public_id>/verdict", verdicts.verdict, name="case-verdict"),
    path("documents/<slug:public_id>", files.document, name="document"),
    path("images/<slug:public_id>", files.image, name="image"),
    path("alerts/", alerts.alert_list, name="alerts"),
    path("alerts/<slug:public_id>/acknowledge", alerts.acknowledge_alert, name="alert-acknowledge"),
    # Judgement
    path("decisions/", decisions.decision_list, name="decisions"),
    path("decisions/<slug:public_id>/", decisions.decision, name="decision"),
    path("rules/", rules.ruleset_list, name="rules"),
    path("rules/<slug:public_id>/", rules.ruleset, name="ruleset"),
    path("rules/<slug:public_id>/copy", rules.copy, name="ruleset-copy"),
    path("rules/<slug:public_id>/activate", rules.activate, name="ruleset-activate"),
    path("rules/<slug:public_id>/check", rules.check_condition, name="condition-check"),
    path("rules/<slug:public_id>/new", rules.rule, name="rule-new"),
    path("rules/<slug:public_id>/rule/<slug:code>", rules.rule, name="rule"),
    path("rules/<slug:public_id>/rule/<slug:code>/delete", rules.delete_rule, name="rule-delete"),
    path("models/", models.model_list, name="models"),
    path("models/train", models.train, name="train"),
    path("models/training/<int:run_id>", models.training, name="training"),
    path("models/<slug:public_id>/", models.model, name="model"),
    path("models/<slug:public_id>/promote", models.promote, name="model-promote"),
    # Data
    path("imports/", imports.import_list, name="imports"),
    path("imports/<slug:public_id>/errors", imports.error_file, name="import-errors"),
]
