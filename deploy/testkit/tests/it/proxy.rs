use std::time::{Duration, Instant};

use sqlx::{Connection, Row};
use testkit::proxy::{Direction, TcpProxy};
use testkit::{TestDb, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const LIMIT: Duration = Duration::from_secs(90);

async fn answers(conn: &mut sqlx::PgConnection) -> bool {
    let row = tokio::time::timeout(Duration::from_millis(300), sqlx::query("SELECT 1").fetch_one(conn)).await;
    matches!(row, Ok(Ok(row)) if row.get::<i32, _>(0) == 1)
}

#[tokio::test]
async fn cuts_and_restores_a_connection_to_postgres() {
    let db = TestDb::empty().await;
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let dsn = db.dsn_via(proxy.addr());
    let connect = async || sqlx::PgConnection::connect(dsn.split('?').next().unwrap()).await;
    let mut conn = connect().await.unwrap();
    assert!(answers(&mut conn).await);
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));

    proxy.cut().await;
    assert!(!answers(&mut conn).await);
    assert!(connect().await.is_err());
    proxy.restore().await.unwrap();
    let mut conn = connect().await.unwrap();
    assert!(answers(&mut conn).await);

    proxy.reset().await.unwrap();
    assert!(!answers(&mut conn).await);
    assert!(answers(&mut connect().await.unwrap()).await);
}

#[tokio::test]
async fn stalls_and_lets_go() {
    let db = TestDb::empty().await;
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let dsn = db.dsn_via(proxy.addr()).split('?').next().unwrap().to_owned();
    let mut conn = sqlx::PgConnection::connect(&dsn).await.unwrap();
    proxy.stall();
    let mut late = tokio::spawn(async move { sqlx::query("SELECT 1").execute(&mut conn).await });
    let newcomer = tokio::spawn(async move { sqlx::PgConnection::connect(&dsn).await });
    eventually(LIMIT, "the newcomer is accepted", || async { proxy.accepted() == 2 }).await;
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut late).await.is_err(), "nothing passes a stall");
    assert!(!newcomer.is_finished());
    proxy.restore().await.unwrap();
    tokio::time::timeout(LIMIT, late).await.unwrap().unwrap().unwrap();
    tokio::time::timeout(LIMIT, newcomer).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn delays_each_way() {
    let db = TestDb::empty().await;
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let dsn = db.dsn_via(proxy.addr()).split('?').next().unwrap().to_owned();
    let mut conn = sqlx::PgConnection::connect(&dsn).await.unwrap();
    for direction in [Direction::ToUpstream, Direction::ToClient] {
        proxy.delay(direction, Duration::from_millis(60));
        let start = Instant::now();
        sqlx::raw_sql("SELECT 1").execute(&mut conn).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(60), "{direction:?}: {:?}", start.elapsed());
        proxy.delay(direction, Duration::ZERO);
    }
}

#[tokio::test]
async fn half_closes_one_way_and_the_other_goes_on() {
    for direction in [Direction::ToUpstream, Direction::ToClient] {
        let upstream = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = TcpProxy::start(upstream.local_addr().unwrap()).await.unwrap();
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        let (mut server, _) = upstream.accept().await.unwrap();
        speaks(&mut client, &mut server).await;
        speaks(&mut server, &mut client).await;

        proxy.half_close(direction);
        let (closed, open) = match direction {
            Direction::ToUpstream => (&mut server, &mut client),
            Direction::ToClient => (&mut client, &mut server),
        };
        let told = tokio::time::timeout(LIMIT, closed.read(&mut [0; 1])).await.unwrap();
        assert_eq!(told.unwrap(), 0, "{direction:?}: nothing more will come");
        speaks(closed, open).await;
        let mut newcomer = TcpStream::connect(proxy.addr()).await.unwrap();
        let (mut server, _) = upstream.accept().await.unwrap();
        speaks(&mut newcomer, &mut server).await;
        speaks(&mut server, &mut newcomer).await;
    }
}

/// One of them is heard by the other.
async fn speaks(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"word").await.unwrap();
    let mut heard = [0; 4];
    tokio::time::timeout(LIMIT, to.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(&heard, b"word");
}
