DROP TABLE queues;
DROP TABLE workers;
DROP TABLE schema_versions;
