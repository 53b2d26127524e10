using System.Net;
using System.Net.Sockets;
using Mainstay.Routing.Upstream;

namespace Mainstay.Tests.Routing.Upstream;

public sealed class HostAddressesTests
{
    private static readonly IPAddress First = IPAddress.Parse("10.0.0.1");
    private static readonly IPAddress Second = IPAddress.Parse("10.0.0.2");
    private readonly ManualTime _clock = new();
    private int _lookUps;
    private Func<IPAddress[]> _answer = () => [First];

    [Fact]
    public async Task An_address_is_not_looked_up()
    {
        Assert.Equal([IPAddress.Loopback], await Addresses().OfAsync("127.0.0.1", CancellationToken.None));
        Assert.Equal(0, _lookUps);
    }

    [Fact]
    public async Task A_name_is_looked_up_once_in_five_seconds()
    {
        var addresses = Addresses();
        for (var i = 0; i < 100; i++)
            Assert.Equal([First], await addresses.OfAsync("model.test", CancellationToken.None));
        Assert.Equal(1, _lookUps);
    }

    [Fact]
    public async Task A_name_that_moved_is_followed()
    {
        var addresses = Addresses();
        await addresses.OfAsync("model.test", CancellationToken.None);
        _answer = () => [Second];
        _clock.Advance(TimeSpan.FromSeconds(6));
        // Nobody waits: this one still goes to the old address, the next to the new.
        await addresses.OfAsync("model.test", CancellationToken.None);
        Assert.Equal([Second], await addresses.OfAsync("MODEL.test", CancellationToken.None));
    }

    [Fact]
    public async Task While_the_name_server_is_down_the_last_addresses_serve()
    {
        var addresses = Addresses();
        await addresses.OfAsync("model.test", CancellationToken.None);
        _answer = () => throw new SocketException((int)SocketError.TryAgain);
        for (var i = 0; i < 300; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(10));
            Assert.Equal([First], await addresses.OfAsync("model.test", CancellationToken.None));
        }
        Assert.Equal(301, _lookUps);
        _answer = () => [Second];
        _clock.Advance(TimeSpan.FromSeconds(10));
        await addresses.OfAsync("model.test", CancellationToken.None);
        Assert.Equal([Second], await addresses.OfAsync("model.test", CancellationToken.None));
    }

    [Fact]
    public async Task After_an_hour_without_a_name_server_an_address_is_not_trusted_any_more()
    {
        var addresses = Addresses();
        await addresses.OfAsync("model.test", CancellationToken.None);
        _answer = () => throw new SocketException((int)SocketError.HostNotFound);
        _clock.Advance(TimeSpan.FromHours(2));
        await Assert.ThrowsAsync<SocketException>(async () => await addresses.OfAsync("model.test", CancellationToken.None));
    }

    [Fact]
    public async Task A_name_without_addresses_is_an_error()
    {
        _answer = () => [];
        await Assert.ThrowsAsync<SocketException>(async () => await Addresses().OfAsync("model.test", CancellationToken.None));
    }

    private HostAddresses Addresses() => new(_clock, (_, _) =>
    {
        _lookUps++;
        try
        {
            return Task.FromResult(_answer());
        }
        catch (SocketException e)
        {
            return Task.FromException<IPAddress[]>(e);
        }
    });
}
