using System.Collections.Immutable;
using System.Globalization;

namespace Mainstay.Control.Config;

/// <summary>Reads the channels by which people are told.</summary>
internal sealed class NotifyReader(Findings findings)
{
    public const int MostChannels = 50;
    private const int MostReceivers = 50;
    private const string PagerDuty = "https://events.pagerduty.com/v2/enqueue";
    private static readonly ImmutableArray<string> Kinds = ["webhook", "slack", "teams", "pagerduty", "email", "command"];

    public ImmutableArray<ChannelConfig> Read(Section root)
    {
        var channels = ImmutableArray.CreateBuilder<ChannelConfig>();
        var sections = root.Maps("notify");
        foreach (var section in sections)
        {
            var written = Kinds.Where(section.Has).ToList();
            if (written is not [var kind])
            {
                if (!section.HasReserved)
                    section.Error(written.Count == 0 ? "names no way to tell people" : $"names several ways to tell people: {string.Join(", ", written)}",
                        $"write one of: {string.Join(", ", Kinds)}; each further one is an item of its own");
                continue;
            }
            var name = section.Name("name") ?? string.Create(CultureInfo.InvariantCulture, $"{kind}-{channels.Count(c => c.Kind.ToString().Equals(kind, StringComparison.OrdinalIgnoreCase)) + 1}");
            if (channels.Any(c => c.Name == name))
                section.Error("name", $"another channel has the name {name}", "give each its own: escalation steps and orders name it");
            channels.Add(ReadChannel(section, name, kind));
        }
        if (channels.Count > MostChannels)
            root.Error("notify", $"{channels.Count} channels", $"write {MostChannels} at most");
        return channels.ToImmutable();
    }

    private ChannelConfig ReadChannel(Section section, string name, string kind)
    {
        var channel = new ChannelConfig { Name = name, Kind = Enum.Parse<ChannelKind>(kind, ignoreCase: true) };
        CheckPlaces(section, channel.Kind);
        var email = channel.Kind == ChannelKind.Email ? section.Map("email") : null;
        return channel with
        {
            Address = channel.Kind switch
            {
                ChannelKind.Webhook or ChannelKind.Slack or ChannelKind.Teams => Addresses.SecretWeb(section, kind),
                ChannelKind.PagerDuty => section.Has("url") ? Addresses.SecretWeb(section, "url") : new WebAddress(new Uri(PagerDuty), null),
                _ => null,
            },
            SecretEnvironment = channel.Kind switch
            {
                ChannelKind.Webhook => Addresses.Variable(section, "secret_env", "MAINSTAY_WEBHOOK_SECRET"),
                ChannelKind.PagerDuty => Addresses.Variable(section, "pagerduty", "PAGERDUTY_KEY"),
                ChannelKind.Email when email is not null => Addresses.Variable(email, "password_env", "SMTP_PASSWORD"),
                _ => null,
            },
            Email = email is null ? null : ReadEmail(email),
            Command = channel.Kind == ChannelKind.Command ? ReadCommand(section) : [],
            Timeout = section.Duration("timeout") ?? channel.Timeout,
            Title = ReadTemplate(section, "title"),
            Text = ReadTemplate(section, "text"),
            Limit = section.Rate("limit") ?? channel.Limit,
            TellsAll = section.Word("tell") == "all",
            Severity = section.Choice<Severity>("severity") ?? channel.Severity,
            Services = [.. section.Names("services").Select(s => s.Text)],
            MayReachLinkLocal = section.Flag("link_local") ?? false,
            Keep = section.Duration("keep") ?? channel.Keep,
        };
    }

    /// <summary>Keys that belong to another way of telling would be ignored: said.</summary>
    private static void CheckPlaces(Section section, ChannelKind kind)
    {
        if (kind != ChannelKind.Webhook && section.Has("secret_env"))
            section.Error("secret_env", "only a webhook is signed", "take it out");
        if (kind != ChannelKind.PagerDuty && section.Has("url"))
            section.Error("url", "only pagerduty has an url of its own", "take it out");
        if (kind == ChannelKind.PagerDuty && section.Word("tell") == "all")
            section.Error("tell", "every line would open an incident there that nothing ends", "take it out, or tell all to another channel");
        if (kind == ChannelKind.Webhook && (section.Has("title") || section.Has("text")))
            section.Error(section.Has("title") ? "title" : "text", "a webhook has no title or text to be written", "take it out: the JSON has everything");
    }

    private EmailConfig ReadEmail(Section email)
    {
        email.Require("host", "from", "to");
        var tls = email.Choice<SmtpTls>("tls") ?? SmtpTls.StartTls;
        var receivers = email.Texts("to");
        if (email.Has("to") && receivers.Length is 0 or > MostReceivers)
            email.Error("to", $"{receivers.Length} receivers", $"write 1 to {MostReceivers}; for more, a list of your mail server");
        foreach (var receiver in receivers.Where(r => !IsMailbox(r.Text)))
            email.Report(receiver.Line, receiver.Key, $"{Findings.Quote(receiver.Text)} is not an address of email", "write one such as oncall@example.test, without a name");
        var from = email.Text("from");
        if (from is not null && !IsMailbox(from))
            email.Error("from", $"{Findings.Quote(from)} is not an address of email", "write one such as mainstay@example.test, without a name");
        if (email.Has("user") != email.Has("password_env"))
            email.Error(email.Has("user") ? "user" : "password_env", "user and password_env belong together", "write both or neither");
        if (email.Has("user") && tls == SmtpTls.None)
            findings.Warn($"{email.Key}: the password goes to the mail server readable, as tls is none.");
        var host = Addresses.Host(email, "host");
        return new EmailConfig(
            host ?? "", email.Whole("port") ?? tls switch { SmtpTls.StartTls => 587, SmtpTls.Tls => 465, _ => 25 }, tls, from ?? "",
            [.. receivers.Select(r => r.Text)], email.Text("user"));
    }

    private static ImmutableArray<string> ReadCommand(Section section)
    {
        var command = section.CommandLine("command");
        if (section.IsEmptyList("command"))
            section.Error("command", "names no program", "write the program first, then its arguments");
        return command;
    }

    private static Template? ReadTemplate(Section section, string key)
    {
        if (section.Text(key) is not { } text)
            return null;
        if (Template.TryParse(text, out var wrong, out var cure) is { } template)
            return template;
        section.Error(key, wrong, cure);
        return null;
    }

    /// <summary>Plain enough for SMTP: nothing that could end a line or a bracket.</summary>
    private static bool IsMailbox(string text) =>
        text.Length <= 254 && text.Split('@') is [{ Length: > 0 } local, { Length: > 0 } domain]
        && local.All(c => c is > ' ' and < '\u007f' and not ('<' or '>' or '"' or '\\' or ',' or ';' or ':' or '(' or ')'))
        && Uri.CheckHostName(domain) is not UriHostNameType.Unknown;
}
