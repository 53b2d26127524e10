using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>A way to tell people: where messages go, which ones, and how many.</summary>
public sealed record ChannelConfig
{
    /// <summary>Stands in messages, orders and pages; unique.</summary>
    public required string Name { get; init; }

    public required ChannelKind Kind { get; init; }

    /// <summary>Where it is posted; null: it is not.</summary>
    public WebAddress? Address { get; init; }

    /// <summary>Environment variable that holds the secret that signs, the integration key or the password; null: none.</summary>
    public string? SecretEnvironment { get; init; }

    /// <summary>Of an email channel; null for the others.</summary>
    public EmailConfig? Email { get; init; }

    /// <summary>Program and arguments of a command channel; empty for the others.</summary>
    public ImmutableArray<string> Command { get; init; } = [];

    /// <summary>How long one delivery may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The title in the channel's own words; null: as it is.</summary>
    public Template? Title { get; init; }

    /// <summary>The text in the channel's own words; null: as it is.</summary>
    public Template? Text { get; init; }

    /// <summary>Messages per second; what is more goes out together.</summary>
    public double Limit { get; init; } = 10 / 60.0;

    /// <summary>True: every line of every incident too, and what people did to the routing.</summary>
    public bool TellsAll { get; init; }

    /// <summary>The least that is told.</summary>
    public Severity Severity { get; init; } = Severity.Warning;

    /// <summary>Services that it is told of; empty: every one.</summary>
    public ImmutableArray<string> Services { get; init; } = [];

    /// <summary>True: addresses that only this machine's own network has may be reached, those of cloud metadata included.</summary>
    public bool MayReachLinkLocal { get; init; }

    /// <summary>How long a message is tried.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromDays(1);

    /// <summary>True: several messages may go out as one. PagerDuty groups by itself, and a command gets each.</summary>
    public bool CanDigest => Kind is not (ChannelKind.PagerDuty or ChannelKind.Command);
}

/// <summary>How a channel is spoken to.</summary>
public enum ChannelKind
{
    /// <summary>A POST of JSON, signed after the Standard Webhooks specification.</summary>
    Webhook,

    /// <summary>An incoming webhook of Slack, or of what takes the same JSON (Mattermost, Rocket.Chat, Discord's /slack).</summary>
    Slack,

    /// <summary>A workflow of Microsoft Teams that takes an adaptive card.</summary>
    Teams,

    /// <summary>Events API v2.</summary>
    PagerDuty,

    /// <summary>SMTP.</summary>
    Email,

    /// <summary>A program on this machine.</summary>
    Command,
}

/// <summary>How much something matters to people.</summary>
public enum Severity
{
    /// <summary>Should be looked at, and need not wake anybody.</summary>
    Warning,

    /// <summary>Somebody should act now.</summary>
    Page,
}

/// <summary>Where emails are handed over.</summary>
/// <param name="Host">Of the SMTP server.</param>
/// <param name="Tls">How the connection is secured.</param>
/// <param name="User">Signs in by it; null: without. The password is the channel's secret.</param>
public sealed record EmailConfig(string Host, int Port, SmtpTls Tls, string From, ImmutableArray<string> To, string? User);

/// <summary>How a connection to an SMTP server is secured.</summary>
public enum SmtpTls
{
    /// <summary>By STARTTLS (RFC 3207); a server without it is refused.</summary>
    StartTls,

    /// <summary>From the first byte (RFC 8314).</summary>
    Tls,

    /// <summary>Not at all.</summary>
    None,
}
