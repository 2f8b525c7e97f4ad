"""Alerts: rules over figures, looked at once a second, recorded, and told.

What a rule says and when it is raised is decided in `supervision.alert_rules` and `supervision.alert_board`, which wait for nothing. This
room reads the figures (`measures`), looks at the rules and records what changed (`watching`), and sends the notices (`telling`).
"""
