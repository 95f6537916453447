"""The whole engine on one machine: finds or starts PostgreSQL and Kafka, starts the services and watches them."""
