//! What the services say to each other, and to the world: gRPC (generated from `proto/`), events, topology.

pub mod cloudevents;
pub mod events;
pub mod topology;

/// Descriptors of every gRPC service, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub mod audit {
    pub mod v1 {
        tonic::include_proto!("audit.v1");
    }
}

pub mod incentive {
    pub mod v1 {
        tonic::include_proto!("incentive.v1");
    }
}

pub mod identity {
    pub mod v1 {
        tonic::include_proto!("identity.v1");
    }
}

pub mod inventory {
    pub mod v1 {
        tonic::include_proto!("inventory.v1");
    }
}

pub mod order {
    pub mod v1 {
        tonic::include_proto!("order.v1");
    }
}

pub mod ops {
    pub mod v1 {
        tonic::include_proto!("ops.v1");
    }
}
