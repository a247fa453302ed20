//! `ChannelService`: where alerts go. Settings are sealed before they are stored, and no reply, error or log
//! line repeats a secret.

mod create;
mod delete;
mod deliveries;
pub mod fuzzing;
mod mask;
mod message;
mod read;
mod rules;
mod secret;
mod test;
mod update;

use crate::deps::Api;
use std::sync::Arc;
use store::row::Scope;
use tonic::{Request, Response, Status, async_trait};
use wire::v1;
use wire::v1::channel_service_server::ChannelService;

/// The service.
pub(crate) struct Channels(pub Arc<Api>);

#[async_trait]
impl ChannelService for Channels {
    async fn create_channel(
        &self,
        request: Request<v1::CreateChannelRequest>,
    ) -> Result<Response<v1::Channel>, Status> {
        let work = |caller, asked| create::create(&self.0, caller, asked);
        self.0.gate.run("CreateChannel", Scope::Write, request, work).await
    }

    async fn get_channel(&self, request: Request<v1::GetChannelRequest>) -> Result<Response<v1::Channel>, Status> {
        let work = |caller, asked| read::get(&self.0, caller, asked);
        self.0.gate.run("GetChannel", Scope::Read, request, work).await
    }

    async fn list_channels(
        &self,
        request: Request<v1::ListChannelsRequest>,
    ) -> Result<Response<v1::ListChannelsResponse>, Status> {
        let work = |caller, asked| read::list(&self.0, caller, asked);
        self.0.gate.run("ListChannels", Scope::Read, request, work).await
    }

    async fn update_channel(
        &self,
        request: Request<v1::UpdateChannelRequest>,
    ) -> Result<Response<v1::Channel>, Status> {
        let work = |caller, asked| update::update(&self.0, caller, asked);
        self.0.gate.run("UpdateChannel", Scope::Write, request, work).await
    }

    async fn delete_channel(
        &self,
        request: Request<v1::DeleteChannelRequest>,
    ) -> Result<Response<v1::DeleteChannelResponse>, Status> {
        let work = |caller, asked| delete::delete(&self.0, caller, asked);
        self.0.gate.run("DeleteChannel", Scope::Write, request, work).await
    }

    async fn test_channel(
        &self,
        request: Request<v1::TestChannelRequest>,
    ) -> Result<Response<v1::TestChannelResponse>, Status> {
        let work = |caller, asked| test::test(&self.0, caller, asked);
        self.0.gate.run("TestChannel", Scope::Write, request, work).await
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let work = |caller, asked| deliveries::list(&self.0, caller, asked);
        self.0.gate.run("ListDeliveries", Scope::Read, request, work).await
    }
}
