//! The client of shard owners against owners that move, refuse, and hang.

use domain::ids::{MonitorId, ShardId};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use wire::internal_auth::InternalAuth;
use wire::shard_client::ShardClient;
use wire::v1;
use wire::v1::shard_await_response::Answer;
use wire::v1::shard_service_server::{ShardService, ShardServiceServer};

const SHARD: ShardId = ShardId(3);

/// What an owner does with questions.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Owns,
    NotOwner,
    /// It owns the shard and has not come to the record yet.
    Behind,
    Hangs,
}

struct Owner {
    address: String,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

impl Owner {
    async fn start(mood: Mood) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let owner = Arc::new(Self { address, mood: Mutex::new(mood), asked: AtomicUsize::new(0) });
        let service = ShardServiceServer::new(Service(owner.clone()));
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        owner
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    async fn heed(&self, patience: Duration) -> Result<(), Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Owns => Ok(()),
            Mood::NotOwner => Err(Status::unavailable("not owned here")),
            Mood::Behind => {
                tokio::time::sleep(patience).await;
                Err(Status::deadline_exceeded("not applied yet"))
            }
            Mood::Hangs => std::future::pending().await,
        }
    }
}

struct Service(Arc<Owner>);

#[tonic::async_trait]
impl ShardService for Service {
    async fn read(&self, request: Request<v1::ShardReadRequest>) -> Result<Response<v1::ShardReadResponse>, Status> {
        assert_eq!(request.get_ref().shard, 3);
        self.0.heed(Duration::ZERO).await?;
        Ok(Response::new(v1::ShardReadResponse { views: vec![v1::MonitorViewRow::default()], is_behind: false }))
    }

    async fn r#await(
        &self,
        request: Request<v1::ShardAwaitRequest>,
    ) -> Result<Response<v1::ShardAwaitResponse>, Status> {
        self.0.heed(Duration::from_millis(request.get_ref().timeout_ms.into())).await?;
        Ok(Response::new(v1::ShardAwaitResponse { answer: Some(Answer::Created(v1::Empty {})) }))
    }

    async fn digest(&self, _: Request<v1::ShardDigestRequest>) -> Result<Response<v1::ShardDigestResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

/// Where the shard's owner is said to be.
#[derive(Clone, Default)]
struct Claims(Arc<Mutex<Option<String>>>, Arc<AtomicUsize>);

impl Claims {
    fn of(owner: &Owner) -> Self {
        let claims = Self::default();
        claims.say(Some(&owner.address));
        claims
    }

    fn say(&self, address: Option<&str>) {
        *self.0.lock().unwrap() = address.map(str::to_owned);
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }

    fn client(&self) -> ShardClient {
        let claims = self.clone();
        let resolve = move |shard| {
            assert_eq!(shard, SHARD);
            claims.1.fetch_add(1, Ordering::SeqCst);
            let owner = claims.0.lock().unwrap().clone();
            Box::pin(async move { owner }) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
        };
        ShardClient::new(Arc::new(resolve), InternalAuth::new("test"))
    }
}

async fn read(client: &ShardClient, patience: Duration) -> Result<usize, Code> {
    let views = client.read(SHARD, &[MonitorId(1)], patience).await.map(|reply| reply.views);
    views.map(|views| views.len()).map_err(|status| status.code())
}

async fn answer(client: &ShardClient, patience: Duration) -> Result<bool, Code> {
    let answer = client.answer(SHARD, 7, patience).await;
    answer.map(|answer| answer.answer == Some(Answer::Created(v1::Empty {}))).map_err(|status| status.code())
}

/// After `pause`, does something.
fn later(pause: Duration, then: impl FnOnce() + Send + 'static) {
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        then();
    });
}

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn an_owner_is_looked_up_once_a_second() {
    let owner = Owner::start(Mood::Owns).await;
    let claims = Claims::of(&owner);
    let client = claims.client();
    for _ in 0..20 {
        assert_eq!(read(&client, LONG).await, Ok(1));
    }
    assert_eq!(claims.asked(), 1);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(read(&client, LONG).await, Ok(1));
    assert_eq!((claims.asked(), owner.asked()), (2, 21));
}

#[tokio::test]
async fn a_read_follows_the_successor_at_once() {
    let (old, new) = (Owner::start(Mood::Owns).await, Owner::start(Mood::Owns).await);
    let claims = Claims::of(&old);
    let client = claims.client();
    assert_eq!(read(&client, LONG).await, Ok(1));
    old.set(Mood::NotOwner);
    claims.say(Some(&new.address));
    assert_eq!(read(&client, LONG).await, Ok(1));
    assert_eq!((old.asked(), new.asked()), (2, 1));
}

#[tokio::test]
async fn a_read_without_an_owner_fails_soon() {
    let owner = Owner::start(Mood::NotOwner).await;
    let claims = Claims::of(&owner);
    let client = claims.client();
    let begun = Instant::now();
    assert_eq!(read(&client, LONG).await, Err(Code::Unavailable));
    assert_eq!(owner.asked(), 1, "the same owner is not asked again");
    claims.say(None);
    assert_eq!(read(&client, LONG).await, Err(Code::Unavailable));
    let nobody: SocketAddr = {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        port.local_addr().unwrap()
    };
    claims.say(Some(&nobody.to_string()));
    assert_eq!(read(&client, LONG).await, Err(Code::Unavailable));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_owner_that_hangs_is_waited_for_by_one_read_in_a_second() {
    let owner = Owner::start(Mood::Hangs).await;
    let client = Claims::of(&owner).client();
    assert_eq!(read(&client, SHORT).await, Err(Code::DeadlineExceeded));
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(read(&client, SHORT).await, Err(Code::Unavailable));
    }
    assert!(begun.elapsed() < SHORT, "{:?}", begun.elapsed());
    assert_eq!(owner.asked(), 1);
    owner.set(Mood::Owns);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(read(&client, LONG).await, Ok(1));
}

#[tokio::test]
async fn an_answer_comes_from_whoever_owns_the_shard_by_then() {
    for mood in [Mood::NotOwner, Mood::Behind, Mood::Hangs] {
        let (old, new) = (Owner::start(mood).await, Owner::start(Mood::Owns).await);
        let claims = Claims::of(&old);
        let client = claims.client();
        let moved = claims.clone();
        let address = new.address.clone();
        later(SHORT, move || moved.say(Some(&address)));
        let begun = Instant::now();
        assert_eq!(answer(&client, LONG).await, Ok(true));
        assert!(begun.elapsed() >= SHORT && begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert!(old.asked() >= 1 && new.asked() == 1);
    }
}

#[tokio::test]
async fn an_answer_waits_for_an_owner_to_appear() {
    let owner = Owner::start(Mood::Owns).await;
    let claims = Claims::default();
    let client = claims.client();
    let (appearing, address) = (claims.clone(), owner.address.clone());
    later(SHORT, move || appearing.say(Some(&address)));
    assert_eq!(answer(&client, LONG).await, Ok(true));
    assert!((2..=10).contains(&claims.asked()), "{} looks", claims.asked());
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_in_time_and_without_haste() {
    let owner = Owner::start(Mood::NotOwner).await;
    let claims = Claims::of(&owner);
    let begun = Instant::now();
    assert_eq!(answer(&claims.client(), Duration::from_millis(800)).await, Err(Code::Unavailable));
    let took = begun.elapsed();
    assert!(took >= SHORT && took < Duration::from_secs(2), "{took:?}");
    assert!((2..=8).contains(&owner.asked()), "{} questions", owner.asked());
    owner.set(Mood::Behind);
    assert_eq!(answer(&claims.client(), SHORT).await, Err(Code::DeadlineExceeded));
}

#[tokio::test]
async fn the_owner_known_last_is_asked_while_nobody_can_say() {
    let owner = Owner::start(Mood::Owns).await;
    let claims = Claims::of(&owner);
    let client = claims.client();
    assert_eq!(read(&client, LONG).await, Ok(1));
    claims.say(None);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(read(&client, LONG).await, Ok(1));
    assert_eq!(claims.asked(), 2);
    owner.set(Mood::NotOwner);
    assert_eq!(read(&client, LONG).await, Err(Code::Unavailable));
    assert_eq!(read(&client, LONG).await, Err(Code::Unavailable));
    assert_eq!(owner.asked(), 3, "an owner that denies it is asked no more");
}
