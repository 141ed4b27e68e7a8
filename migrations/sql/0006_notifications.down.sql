DROP TABLE notification_routes;
DROP TABLE notifications;
DELETE FROM schema_versions WHERE version = 6;
