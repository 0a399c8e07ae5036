use spillway_kafka::{Cluster, ControlWriter, KafkaConfig, WriteError};
use spillway_wire::{Control, DesiredState, Partition, SCHEMA};

use crate::support::Mock;

const TOPIC: &str = "spillway.control";

fn control(token: u64, state: DesiredState) -> Control {
    Control {
        schema: SCHEMA,
        token,
        epoch: 3,
        group: Some("workers".into()),
        partitions: Some(vec![Partition {
            topic: "jobs".into(),
            partition: 1,
        }]),
        state,
        drain_by_ms: None,
        lease_seconds: 900,
    }
}

#[tokio::test]
async fn what_is_desired_of_a_worker_can_be_read_under_its_id() {
    let mock = Mock::start(1);
    mock.brokers.create_topic(TOPIC, 1, 1).unwrap();
    let writer = ControlWriter::new(mock.cluster.clone(), TOPIC);
    let run = control(1, DesiredState::Run);
    let drain = control(2, DesiredState::Drain);

    let first = writer.write("w1", &run).await.unwrap();
    let second = writer.write("w1", &drain).await.unwrap();
    writer.bury("w1").await.unwrap();
    assert_eq!((first.offset, second.offset), (0, 1));
    assert!(
        first.at.is_some(),
        "leases count from the record's timestamp"
    );

    let records = mock.records(TOPIC, 3);
    let decoded: Vec<Option<Control>> = records
        .iter()
        .map(|(key, value)| {
            assert_eq!(key.as_deref(), Some("w1"));
            value
                .as_deref()
                .map(|value| Control::decode(value).unwrap())
        })
        .collect();
    assert_eq!(decoded, [Some(run), Some(drain), None]);
}

#[tokio::test]
async fn a_record_that_no_broker_acknowledges_says_so_in_bounded_time() {
    let mock = Mock::start(1);
    mock.brokers.create_topic(TOPIC, 1, 1).unwrap();
    let writer = ControlWriter::new(mock.cluster.clone(), TOPIC);
    let run = control(1, DesiredState::Run);
    writer.write("w1", &run).await.unwrap();

    mock.brokers.broker_down(1).unwrap();
    let error = writer.write("w1", &run).await.unwrap_err();
    assert!(matches!(error, WriteError::Unreachable { .. }), "{error:?}");

    mock.brokers.broker_up(1).unwrap();
    let again = crate::support::eventually(crate::support::SOON, "it is written", || async {
        writer
            .write("w1", &run)
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    assert!(again.offset >= 1);
}

#[tokio::test]
async fn a_refused_record_is_told_from_an_unreachable_broker() {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    let mock = Mock::start(1);
    mock.brokers.create_topic(TOPIC, 1, 1).unwrap();
    mock.brokers.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED],
    );
    let writer = ControlWriter::new(mock.cluster.clone(), TOPIC);
    let error = writer
        .write("w1", &control(1, DesiredState::Run))
        .await
        .unwrap_err();
    assert!(matches!(error, WriteError::Refused { .. }), "{error:?}");
}

#[test]
fn a_cluster_that_is_not_there_is_no_error_until_it_is_asked() {
    assert!(Cluster::new(KafkaConfig::new("127.0.0.1:1")).is_ok());
}
