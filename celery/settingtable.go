package celery

import "time"

// oldSettings are the names of Celery 3 that no rule derives (see findSetting).
var oldSettings = map[string]string{
	"celery_max_cached_results": "result_cache_max", "celery_task_result_expires": "result_expires",
	"celery_result_dburi": "database_url", "celery_result_engine_options": "database_engine_options",
	"celery_result_db_short_lived_sessions": "database_short_lived_sessions", "celery_result_db_tablenames": "database_table_names",
	"celery_message_compression": "task_compression", "celery_eager_propagates_exceptions": "task_eager_propagates",
	"celery_send_task_sent_event": "task_send_sent_event", "celeryd_task_soft_time_limit": "task_soft_time_limit",
	"celeryd_task_time_limit": "task_time_limit", "celery_disable_rate_limits": "worker_disable_rate_limits",
	"celery_enable_remote_control": "worker_enable_remote_control", "celeryd_worker_lost_wait": "worker_lost_wait",
	"celery_redirect_stdouts": "worker_redirect_stdouts", "celery_redirect_stdouts_level": "worker_redirect_stdouts_level",
	"celery_send_events": "worker_send_task_events",
}

// settingTable has every setting of Celery 5.7. docs/protocol.md says of each how far it works.
var settingTable = map[string]setting{
	"accept_content": {set: readAccept},
	"enable_utc":     notSetting(func(c *Config) *bool { return &c.DisableUTC }),
	"timezone":       {set: readTimezone},

	"broker_url":               {set: readBrokerURL},
	"broker_read_url":          refused("a worker and its client use one broker, broker_url"),
	"broker_write_url":         refused("a worker and its client use one broker, broker_url"),
	"broker_host":              refused("write it into broker_url"),
	"broker_port":              refused("write it into broker_url"),
	"broker_user":              refused("write it into broker_url"),
	"broker_password":          refused("write it into broker_url"),
	"broker_vhost":             refused("write it into broker_url"),
	"broker_transport":         only("the broker is Redis", "redis", "rediss", "redis+socket", "sentinel"),
	"broker_transport_options": transportSetting(func(c *Config) *map[string]any { return &c.BrokerTransportOptions }),
	"broker_use_ssl":           tlsSetting(func(c *Config) *map[string]any { return &c.BrokerUseSSL }),
	"broker_connection_timeout": secondsSetting(func(c *Config) *time.Duration {
		return &c.BrokerConnectionTimeout
	}),
	"broker_connection_retry":            notSetting(func(c *Config) *bool { return &c.BrokerRetryOff }),
	"broker_connection_retry_on_startup": optionalBool(func(c *Config) **bool { return &c.BrokerRetryOnStartup }),
	"broker_connection_max_retries":      intSetting(func(c *Config) *int { return &c.BrokerMaxRetries }, 0),

	"result_backend":                   {set: readResultBackend},
	"result_backend_transport_options": transportSetting(func(c *Config) *map[string]any { return &c.ResultBackendTransportOptions }),
	"result_chord_expires":             expirySetting(func(c *Config) *time.Duration { return &c.ResultChordExpires }, false),
	"result_chord_join_timeout":        secondsSetting(func(c *Config) *time.Duration { return &c.ChordJoinTimeout }),
	"result_compression":               compressionSetting(func(c *Config) *string { return &c.ResultCompression }),
	"result_expires":                   expirySetting(func(c *Config) *time.Duration { return &c.ResultExpires }, true),
	"result_extended":                  boolSetting(func(c *Config) *bool { return &c.ResultExtended }),
	"result_failure_expires":           expirySetting(func(c *Config) *time.Duration { return &c.ResultFailureExpires }, false),
	"result_serializer":                serializerSetting(func(c *Config) *string { return &c.ResultSerializer }),
	"redis_backend_use_ssl":            tlsSetting(func(c *Config) *map[string]any { return &c.ResultBackendUseSSL }),
	"redis_host":                       refused("write it into result_backend"),
	"redis_port":                       refused("write it into result_backend"),
	"redis_db":                         refused("write it into result_backend"),
	"redis_username":                   refused("write it into result_backend"),
	"redis_password":                   refused("write it into result_backend"),
	"redis_socket_timeout":             redisSetting("socket_timeout"),
	"redis_socket_connect_timeout":     redisSetting("socket_connect_timeout"),
	"redis_socket_keepalive":           redisSetting("socket_keepalive"),
	"redis_retry_on_timeout":           redisSetting("retry_on_timeout"),
	"redis_max_connections":            redisSetting("max_connections"),

	"control_exchange": textSetting(func(c *Config) *string { return &c.ControlExchange }),
	"event_exchange":   textSetting(func(c *Config) *string { return &c.EventExchange }),
	"event_serializer": serializerSetting(func(c *Config) *string { return &c.EventSerializer }),

	"task_acks_late":                                      boolSetting(func(c *Config) *bool { return &c.TaskAcksLate }),
	"task_acks_on_failure":                                optionalBool(func(c *Config) **bool { return &c.TaskAcksOnFailure }),
	"task_acks_on_failure_or_timeout":                     optionalBool(func(c *Config) **bool { return &c.TaskAcksOnFailureOrTimeout }),
	"task_acks_on_timeout":                                optionalBool(func(c *Config) **bool { return &c.TaskAcksOnTimeout }),
	"task_allow_error_cb_on_chord_header":                 boolSetting(func(c *Config) *bool { return &c.AllowErrOnHeader }),
	"task_always_eager":                                   boolSetting(func(c *Config) *bool { return &c.TaskAlwaysEager }),
	"task_annotations":                                    {set: readAnnotations},
	"task_compression":                                    compressionSetting(func(c *Config) *string { return &c.TaskCompression }),
	"task_create_missing_queue_exchange_type":             {set: readMissingExchangeType},
	"task_create_missing_queues":                          notSetting(func(c *Config) *bool { return &c.TaskMissingQueuesOff }),
	"task_default_delivery_mode":                          {set: readDeliveryMode},
	"task_default_exchange":                               textSetting(func(c *Config) *string { return &c.DefaultExchange }),
	"task_default_exchange_type":                          {set: func(c *Config, v any) error { return readExchangeType(&c.DefaultExchangeType, v) }},
	"task_default_priority":                               intSetting(func(c *Config) *int { return &c.DefaultPriority }, 0),
	"task_default_queue":                                  textSetting(func(c *Config) *string { return &c.DefaultQueue }),
	"task_default_rate_limit":                             {set: readRateLimit},
	"task_default_routing_key":                            textSetting(func(c *Config) *string { return &c.DefaultRoutingKey }),
	"task_eager_propagates":                               boolSetting(func(c *Config) *bool { return &c.TaskEagerPropagates }),
	"task_ignore_result":                                  boolSetting(func(c *Config) *bool { return &c.TaskIgnoreResult }),
	"task_inherit_parent_priority":                        boolSetting(func(c *Config) *bool { return &c.TaskInheritPrio }),
	"task_protocol":                                       {set: readProtocol},
	"task_queues":                                         {set: readQueues},
	"task_routes":                                         {set: readRoutes},
	"task_send_sent_event":                                boolSetting(func(c *Config) *bool { return &c.TaskSendSentEvent }),
	"task_serializer":                                     serializerSetting(func(c *Config) *string { return &c.TaskSerializer }),
	"task_soft_time_limit":                                secondsSetting(func(c *Config) *time.Duration { return &c.TaskSoftTimeLimit }),
	"task_store_eager_result":                             boolSetting(func(c *Config) *bool { return &c.TaskStoreEagerResult }),
	"task_store_errors_even_if_ignored":                   boolSetting(func(c *Config) *bool { return &c.TaskStoreErrorsIfIgnored }),
	"task_time_limit":                                     secondsSetting(func(c *Config) *time.Duration { return &c.TaskTimeLimit }),
	"task_track_started":                                  boolSetting(func(c *Config) *bool { return &c.TaskTrackStarted }),
	"worker_cancel_long_running_tasks_on_connection_loss": boolSetting(func(c *Config) *bool { return &c.WorkerCancelOnConnectionLoss }),
	"worker_concurrency":                                  {set: readConcurrency},
	"worker_deduplicate_successful_tasks":                 boolSetting(func(c *Config) *bool { return &c.WorkerDeduplicate }),
	"worker_direct":                                       boolSetting(func(c *Config) *bool { return &c.WorkerDirect }),
	"worker_disable_prefetch":                             boolSetting(func(c *Config) *bool { return &c.WorkerDisablePrefetch }),
	"worker_disable_rate_limits":                          boolSetting(func(c *Config) *bool { return &c.WorkerDisableRateLimits }),
	"worker_enable_remote_control":                        notSetting(func(c *Config) *bool { return &c.RemoteControlOff }),
	"worker_enable_soft_shutdown_on_idle":                 boolSetting(func(c *Config) *bool { return &c.WorkerSoftShutdownOnIdle }),
	"worker_eta_task_limit":                               intSetting(func(c *Config) *int { return &c.WorkerETATaskLimit }, 0),
	"worker_log_color":                                    notSetting(func(c *Config) *bool { return &c.WorkerLogColorOff }),
	"worker_log_datefmt":                                  textSetting(func(c *Config) *string { return &c.WorkerLogDateFormat }),
	"worker_log_format":                                   textSetting(func(c *Config) *string { return &c.WorkerLogFormat }),
	"worker_task_log_datefmt":                             textSetting(func(c *Config) *string { return &c.WorkerTaskLogDateFormat }),
	"worker_task_log_format":                              textSetting(func(c *Config) *string { return &c.WorkerTaskLogFormat }),
	"worker_pool_restarts":                                boolSetting(func(c *Config) *bool { return &c.WorkerPoolRestarts }),
	"worker_prefetch_multiplier":                          {set: readPrefetch},
	"worker_send_task_events":                             boolSetting(func(c *Config) *bool { return &c.WorkerSendTaskEvents }),
	"worker_soft_shutdown_timeout":                        secondsSetting(func(c *Config) *time.Duration { return &c.WorkerSoftShutdown }),
	"worker_state_db":                                     textSetting(func(c *Config) *string { return &c.WorkerStateDB }),
}

// idleSettings are those that mean nothing to this worker: of other brokers and backends, of processes, of beat, and of
// what is always on here.
const idleSettings = `
include imports result_accept_content
beat_cron_starting_deadline beat_enable_remote_control beat_max_loop_interval beat_remote_control_max_tick_age beat_schedule
beat_schedule_filename beat_scheduler beat_sync_every
broker_channel_error_retry broker_failover_strategy broker_heartbeat broker_heartbeat_checkrate broker_login_method
broker_native_delayed_delivery_queue_type broker_pool_acquire_timeout broker_pool_limit
control_queue_durable control_queue_exclusive control_queue_expires control_queue_ttl
event_queue_durable event_queue_exclusive event_queue_expires event_queue_prefix event_queue_ttl
result_backend_always_retry result_backend_base_sleep_between_retries_ms result_backend_max_retries
result_backend_max_sleep_between_retries_ms result_cache_max result_chord_retry_interval result_exchange result_exchange_type
result_persistent
security_cert_store security_certificate security_digest security_key security_key_password
task_create_missing_queue_type task_default_queue_type task_publish_retry task_publish_retry_policy task_queue_max_priority
task_reject_on_worker_lost task_remote_tracebacks task_repr_maxlevels task_retry_on_worker_lost
worker_agent worker_autoscaler worker_consumer worker_detect_quorum_queues worker_enable_prefetch_count_reduction
worker_hijack_root_logger worker_lost_wait worker_max_memory_per_child
worker_max_tasks_per_child worker_pool worker_pool_putlocks worker_pool_start_method worker_proc_alive_timeout
worker_redirect_stdouts worker_redirect_stdouts_level worker_timer
worker_timer_precision
cache_backend cache_backend_options
cassandra_auth_kwargs cassandra_auth_provider cassandra_bundle_path cassandra_entry_ttl cassandra_keyspace cassandra_options
cassandra_port cassandra_read_consistency cassandra_servers cassandra_table cassandra_write_consistency
s3_access_key_id s3_base_path s3_bucket s3_endpoint_url s3_region s3_secret_access_key
azureblockblob_base_path azureblockblob_connection_timeout azureblockblob_container_name azureblockblob_read_timeout
azureblockblob_retry_increment_base azureblockblob_retry_initial_backoff_sec azureblockblob_retry_max_attempts
gcs_base_path gcs_bucket gcs_project gcs_ttl
couchbase_backend_settings arangodb_backend_settings mongodb_backend_settings
cosmosdbsql_collection_name cosmosdbsql_consistency_level cosmosdbsql_database_name cosmosdbsql_max_retry_attempts
cosmosdbsql_max_retry_wait_time
elasticsearch_max_retries elasticsearch_retry_on_timeout elasticsearch_save_meta_as_text elasticsearch_timeout
database_create_tables_at_setup database_engine_callback database_engine_options database_short_lived_sessions
database_table_names database_table_schemas database_url
`
